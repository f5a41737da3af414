package admin_test

import (
	"context"
	"errors"
	"net/http"
	"os/user"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/admin/access"
)

// A page signs people in through its client, and asks in their name.
func pageOf(api *admin.Client) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /sign-in", func(w http.ResponseWriter, r *http.Request) {
		signed, err := api.SignIn(r.Context(), admin.SignIn{Login: r.FormValue("login"), Password: r.FormValue("password")})
		var problem *admin.Problem
		if errors.As(err, &problem) {
			http.Error(w, problem.Detail, problem.Status)
			return
		}
		http.SetCookie(w, signed.Cookie)
	})
	mux.HandleFunc("GET /who", func(w http.ResponseWriter, r *http.Request) {
		if access.From(r.Context()) == nil {
			http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
			return
		}
		me, err := api.Me(r.Context())
		if err != nil {
			panic(err)
		}
		w.Write([]byte(me.Name + " from " + me.From))
	})
	mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("hunter2") })
	return mux
}

func TestPage(t *testing.T) {
	b := startWith(t, func(o *admin.Options) { o.Page = pageOf })
	b.apply(t, people)
	v := b.visitor()
	v.header["Content-Type"] = "application/x-www-form-urlencoded"
	if w := v.ask(t, "GET", "/who", ""); w.Code != http.StatusSeeOther || w.Header().Get("Content-Security-Policy") == "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	form := "login=ada&password=right"
	w := v.ask(t, "POST", "/sign-in", "login=ada&password=wrong")
	if w.Code != http.StatusUnauthorized {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w = v.ask(t, "POST", "/sign-in", form); w.Code != http.StatusOK || len(w.Result().Cookies()) != 1 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	v.cookie = w.Result().Cookies()[0]
	if c := v.cookie; !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" {
		t.Errorf("%v", c)
	}
	if w := v.ask(t, "GET", "/who", ""); w.Body.String() != "ada from "+v.remote {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	v.header["Sec-Fetch-Site"] = "cross-site"
	if w := v.ask(t, "POST", "/sign-in", form); w.Code != http.StatusForbidden {
		t.Errorf("another site signs somebody in: %d", w.Code)
	}
	if w := v.ask(t, "GET", "/panic", ""); w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "hunter2") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := v.ask(t, "GET", "/who", ""); w.Code != http.StatusOK {
		t.Errorf("after a panic: %d", w.Code)
	}
}

// The socket lets in whom the system says is there.
func TestSocketIdentity(t *testing.T) {
	b := start(t)
	me, err := b.client.Me(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := "local"
	if u, err := user.Current(); err == nil {
		want = u.Username
	}
	if me.Name != want || me.Door != access.DoorSocket || me.From != "" {
		t.Errorf("%+v, want %s", me, want)
	}
}

// The events of a run reach a browser as they happen, over the network too.
func TestEventsOverTheNetwork(t *testing.T) {
	b := start(t)
	b.apply(t, people+"\n---"+secrets)
	v := b.signedIn(t, "ada")
	b.syncer.block = make(chan struct{})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+b.public+"/api/v1/connectors/staff/run", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(v.cookie)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	read := func() string {
		buf := make([]byte, 4096)
		n, _ := response.Body.Read(buf)
		return string(buf[:n])
	}
	if text := read(); !strings.Contains(text, "event: progress") {
		t.Errorf("%q", text)
	}
	close(b.syncer.block)
	text := ""
	for range 5 {
		if text += read(); strings.Contains(text, "event: report") {
			return
		}
	}
	t.Errorf("%q", text)
}

// A write has a deadline of its own; the answer as a whole has none.
func TestSlowReaderOfTheAPI(t *testing.T) {
	b := start(t)
	w := &deadlines{header: http.Header{}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1/api/v1/nothing", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.RemoteAddr = "127.0.0.1:1"
	b.server.PublicHandler().ServeHTTP(w, r)
	if w.writes == 0 || w.late > 0 {
		t.Errorf("%d writes, %d of them without a deadline that was set for them", w.writes, w.late)
	}
}

// deadlines is a connection that notes whether each write got a deadline.
type deadlines struct {
	header       http.Header
	set          bool
	writes, late int
}

func (d *deadlines) Header() http.Header              { return d.header }
func (d *deadlines) WriteHeader(int)                  {}
func (d *deadlines) SetWriteDeadline(time.Time) error { d.set = true; return nil }
func (d *deadlines) Write(p []byte) (int, error) {
	d.writes++
	if !d.set {
		d.late++
	}
	d.set = false
	return len(p), nil
}
