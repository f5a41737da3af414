//go:build e2e

package browser_test

import (
	"bytes"
	"errors"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/dialtree/dialtree/e2e/browser"
	"github.com/dialtree/dialtree/e2e/fixture"
)

// head makes a page that no rule of accessibility is broken by.
const head = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Page</title><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width">
<style>:root{color-scheme:light dark;background:Canvas;color:CanvasText}</style></head><body><main><h1>Page</h1>`

// pages are those that the test's server has.
var pages = map[string]string{
	"/good":      head + `<p>nothing to complain about</p>`,
	"/grey":      head + `<p style="color:#999;background:#fff">hardly to be read</p>`,
	"/unlabeled": head + `<input name="q">`,
	"/console":   head + `<script>console.error("oh dear")</script>`,
	"/throws":    head + `<script>undefinedFunction()</script>`,
	"/foreign":   head + `<img alt="" src="http://pictures.example.com/x.png">`,
	"/missing":   head + `<script src="/nowhere.js"></script>`,
	"/inline":    head + `<p id="said">before</p><script>document.getElementById("said").textContent = "after"</script>`,
	"/form": head + `<form action="/sent" method="post">
		<label for="n">Name</label><input id="n" name="name" value="old">
		<label for="p">Password</label><input id="p" name="password" type="password">
		<label for="k">Kind</label><select id="k" name="kind"><option value="1">One</option><option value="2">Two</option></select>
		<label><input type="checkbox" name="sure"> Sure</label>
		<label for="f">File</label><input id="f" name="file" type="file">
		<button>Send</button></form>`,
}

func server(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	for path, text := range pages {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			if path == "/inline" {
				w.Header().Set("Content-Security-Policy", "script-src 'self'")
			}
			io.WriteString(w, text)
		})
	}
	mux.HandleFunc("POST /sent", func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		http.SetCookie(w, &http.Cookie{Name: "sent", Value: "yes", HttpOnly: true})
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, head+"<p>got "+r.PostForm.Encode()+"</p><p>in "+r.Header.Get("Accept-Language")+"</p>")
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func TestMain(m *testing.M) {
	code := m.Run()
	if b, err := started(); err == nil {
		b.Close()
	}
	os.Exit(code)
}

var started = sync.OnceValues(func() (*browser.Browser, error) {
	return browser.Start(browser.Options{Axe: "node_modules/axe-core/axe.min.js"})
})

// start starts the browser that all tests share. What is not installed leaves the test out on
// a developer's machine, and is a failure where CI=true.
func start(t *testing.T) *browser.Browser {
	t.Helper()
	b, err := started()
	if missing := (*fixture.MissingError)(nil); errors.As(err, &missing) && os.Getenv("CI") != "true" {
		t.Skipf("left out: %v", err)
	}
	check(t, err)
	return b
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, b *browser.Browser, v browser.View) *browser.Page {
	t.Helper()
	p, err := b.Open(v)
	check(t, err)
	t.Cleanup(p.Close)
	return p
}

// What this package is there to notice, it notices; and of a good page it has nothing to say.
func TestTroubles(t *testing.T) {
	s, b := server(t), start(t)
	for _, test := range []struct {
		path string
		kind browser.TroubleKind // empty: none
		text string
	}{
		{"/good", "", ""},
		{"/console", browser.ConsoleError, "oh dear"},
		{"/throws", browser.ConsoleError, "undefinedFunction"},
		{"/foreign", browser.ForeignHost, "pictures.example.com"},
		{"/missing", browser.Failed, "404"},
		{"/inline", browser.Policy, "inline script"},
	} {
		t.Run(strings.TrimPrefix(test.path, "/"), func(t *testing.T) {
			p := open(t, b, browser.View{})
			check(t, p.Visit(s.URL+test.path))
			found := false
			troubles := p.Troubles()
			for _, trouble := range troubles {
				found = found || trouble.Kind == test.kind && strings.Contains(trouble.Text, test.text)
			}
			if found != (test.kind != "") || test.kind == "" && len(troubles) > 0 {
				t.Errorf("troubles %q, want a %q with %q", troubles, test.kind, test.text)
			}
			if rest := p.Troubles(); len(rest) > 0 {
				t.Errorf("told twice: %q", rest)
			}
		})
	}
}

func TestViolations(t *testing.T) {
	s, b := server(t), start(t)
	for path, want := range map[string]string{"/good": "", "/grey": "color-contrast", "/unlabeled": "label"} {
		for _, dark := range []bool{false, true} {
			p := open(t, b, browser.View{Dark: dark})
			check(t, p.Visit(s.URL+path))
			violations, err := p.Violations()
			check(t, err)
			var got []string
			for _, v := range violations {
				if v.Serious() {
					got = append(got, v.ID)
				}
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%s, dark %t: %q, want %q", path, dark, violations, want)
			}
		}
	}
}

// A form is filled in and sent as a person would.
func TestForm(t *testing.T) {
	s, b := server(t), start(t)
	p := open(t, b, browser.View{Language: "de"})
	check(t, p.Visit(s.URL+"/form"))
	file := filepath.Join(t.TempDir(), "contacts.csv")
	check(t, os.WriteFile(file, []byte("name\n"), 0o600))
	check(t, p.Fill("Name", "Ångström"))
	check(t, p.Fill("Password", "right"))
	check(t, p.Choose("Kind", "Two"))
	check(t, p.Click(browser.AnyButton, "Sure"))
	check(t, p.Upload("File", file))
	check(t, p.Click(browser.AnyButton, "Send"))
	check(t, p.WaitText("got file=contacts.csv&kind=2&name=%C3%85ngstr%C3%B6m&password=right&sure=on in de"))
	check(t, p.WaitURL("/sent"))
	if cookies, err := p.Cookies(); err != nil || cookies != "sent=yes" {
		t.Errorf("cookies %q, %v", cookies, err)
	}
	if p.Has(browser.AnyButton, "Send") {
		t.Error("the page before is still there")
	}
	if troubles := p.Troubles(); len(troubles) > 0 {
		t.Errorf("troubles %q", troubles)
	}
}

func TestNoScript(t *testing.T) {
	s, b := server(t), start(t)
	p := open(t, b, browser.View{NoScript: true})
	check(t, p.Visit(s.URL+"/console"))
	if text, err := p.Text(); err != nil || text != "Page" {
		t.Errorf("text %q, %v", text, err)
	}
	if troubles := p.Troubles(); len(troubles) > 0 {
		t.Errorf("a script ran: %q", troubles)
	}
}

func TestScreenshotAndWeight(t *testing.T) {
	s, b := server(t), start(t)
	for _, v := range []browser.View{{}, {Width: 390, Height: 844, Phone: true, Dark: true}} {
		p := open(t, b, v)
		check(t, p.Visit(s.URL+"/good"))
		picture, err := p.Screenshot()
		check(t, err)
		image, err := png.Decode(bytes.NewReader(picture))
		check(t, err)
		width, height := image.Bounds().Dx(), image.Bounds().Dy()
		if wantW, wantH := max(v.Width, 390), max(v.Height, 800); v.Width != 0 && (width != wantW || height != wantH) || v.Width == 0 && (width != 1280 || height != 800) {
			t.Errorf("a picture of %d by %d for %+v", width, height, v)
		}
		if r, _, _, _ := image.At(1, 1).RGBA(); (r < 0x8000) != v.Dark {
			t.Errorf("dark %t, and the background has red %x", v.Dark, r)
		}
		if small, err := browser.Small(picture); err != nil || len(small) > len(picture) {
			t.Errorf("a picture of %d bytes became one of %d, %v", len(picture), len(small), err)
		}
		if w := p.Weight(); w < len(pages["/good"]) || w > len(pages["/good"])+1000 {
			t.Errorf("weight %d of a page of %d bytes", w, len(pages["/good"]))
		}
	}
}
