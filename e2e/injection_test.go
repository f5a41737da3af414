//go:build e2e

package e2e_test

import (
	"archive/zip"
	"bytes"
	"crypto/tls"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// script is what a page must not run, and a template must not evaluate.
const script = `<script>alert(1)</script>"'><img src=x onerror=alert(1)>{{.}}`

// hostileEntries are documents with a text in every field that holds any.
func hostileEntries(t *testing.T, text string) string {
	t.Helper()
	quoted := string(must[[]byte](t)(json.Marshal(text)))
	texts := ""
	for _, field := range []string{"displayname", "givenname", "surname", "organisation", "job", "notes", "customernumber"} {
		texts += fmt.Sprintf(", %q: %s", field, quoted)
	}
	short := strings.ReplaceAll(texts, `, "job": `+quoted, "")
	short = strings.ReplaceAll(short, `, "customernumber": `+quoted, "")
	return strings.Join([]string{
		`{"kind": "phonebook", "name": "customers", "readers": ["everyone"], "title": ` + quoted + `}`,
		`{"kind": "user", "username": "mallory"` + texts + `, "groups": [` + quoted + `]}`,
		`{"kind": "contact", "phonebook": "customers"` + texts + `, "label": [` + quoted + `], "phone": ["030 1234"]}`,
		`{"kind": "speeddial", "shortcode": "66", "phone": ["100"]` + short + `}`,
		`{"kind": "administrator", "name": "mallory", "role": "viewer", "title": ` + quoted + `}`,
		`{"kind": "token", "name": "mallory", "scopes": ["read"], "expires": "` + time.Now().Add(time.Hour).UTC().Format(time.RFC3339) + `", "title": ` + quoted + `}`,
		`{"kind": "role", "name": "viewer", "groups": [` + quoted + `]}`,
	}, "\n---\n")
}

// What somebody typed into a field is shown as it is, on every page, and does nothing there.
func TestStoredTextsDoNothingOnPages(t *testing.T) {
	d := guarded(t)
	owner(d).apply(t, hostileEntries(t, script))
	bind(t, d, plain, script, "wrong") // so that it is among the latest logins
	ada := signedIn(t, d, adminName, adminPassword, "admin")
	pages := crawl(t, ada)
	if len(pages) < 20 {
		t.Fatalf("links lead to %d pages", len(pages))
	}
	escaped := 0
	for _, page := range pages {
		if page.status >= 500 {
			t.Errorf("%s: %d %.300s", page.path, page.status, page.body)
		}
		if !page.isPage() {
			continue
		}
		for _, unwanted := range []string{"<script>alert", "<img src=x", "onerror=alert(1)>", planted} {
			if strings.Contains(page.body, unwanted) {
				t.Errorf("%s has %s", page.path, around(page.body, unwanted))
			}
		}
		if strings.Contains(page.body, "&lt;script&gt;alert(1)&lt;/script&gt;") && strings.Contains(page.body, "{{.}}") {
			escaped++
		}
	}
	t.Logf("%d pages, %d of them show the text", len(pages), escaped)
	if escaped < 6 {
		t.Errorf("the text is on %d pages of %d", escaped, len(pages))
	}
	for _, path := range []string{"/?done=" + escapedQuery, "/sign-in?to=" + escapedQuery, "/first?code=" + escapedQuery, "/phonebooks/lookup?q=" + escapedQuery, "/phonebooks/lookup?text=" + escapedQuery, "/system/log?q=" + escapedQuery, "/" + escapedQuery} {
		for _, c := range []caller{ada, network(d)} {
			if a := c.ask(t, http.MethodGet, path, nil); strings.Contains(a.body, "<script>alert") || strings.Contains(a.header.Get("Location"), "evil") || a.status >= 500 {
				t.Errorf("%s: %d %.500s", path, a.status, a.body)
			}
		}
	}
}

// escapedQuery is the script as a part of an address.
const escapedQuery = "%3Cscript%3Ealert(1)%3C/script%3E%22%27%3E"

// around is a part of a text with what is about it.
func around(text, part string) string {
	at := strings.Index(text, part)
	return text[max(0, at-100):min(len(text), at+len(part)+100)]
}

// A sign-in leads to no other site afterwards.
func TestSignInLeadsNowhereElse(t *testing.T) {
	d := guarded(t)
	signedIn(t, d, adminName, adminPassword, "admin")
	for _, to := range []string{"https://evil.example/", "//evil.example/", `/\evil.example/`, `\\evil.example`, "https:evil.example", "/\t/evil.example", "javascript:alert(1)"} {
		form := "login=" + adminName + "&password=" + strings.ReplaceAll(adminPassword, " ", "+") + "&to=" + strings.NewReplacer("\\", "%5C", "\t", "%09", "&", "%26").Replace(to)
		a := network(d).browser().ask(t, http.MethodPost, "/sign-in", form)
		if location := a.header.Get("Location"); a.status != http.StatusSeeOther || strings.Contains(location, "evil") || !strings.HasPrefix(location, "/") {
			t.Errorf("to=%q: %d, Location %q", to, a.status, location)
		}
	}
}

// formula is a text that a spreadsheet would take for one.
const formula = `=cmd|' /C calc'!A0`

// A cell of an export is a text to the program that opens it, and a name with line breaks is no second line of a card.
func TestExportsHoldTextsOnly(t *testing.T) {
	d := guarded(t)
	for _, text := range []string{formula, "+1+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "name\r\nX-HARM:1", "name\nEND:VCARD\nBEGIN:VCARD"} {
		quoted := string(must[[]byte](t)(json.Marshal(text)))
		owner(d).ask(t, http.MethodPost, "/api/v1/contacts", map[string]any{"kind": "contact", "phonebook": "customers", "displayname": "Harm", "organisation": text, "notes": text, "phone": []string{"030 1"}})
		owner(d).ask(t, http.MethodPut, "/api/v1/users/mallory", []byte(`{"kind":"user","username":"mallory","displayname":`+quoted+`,"notes":`+quoted+`}`))
	}
	ada := signedIn(t, d, adminName, adminPassword, "admin")
	kinds := map[string]func(*testing.T, string){"csv": textCells, "xlsx": noFormulas, "vcard": wholeCards}
	for format, look := range kinds {
		for _, kind := range []string{"contacts", "users", "speeddials"} {
			a := ada.done(t, http.MethodGet, "/api/v1/export/"+kind+"?format="+format, nil, nil)
			if disposition := a.header.Get("Content-Disposition"); !strings.HasPrefix(disposition, "attachment; filename=") {
				t.Errorf("%s as %s: Content-Disposition %q", kind, format, disposition)
			}
			look(t, a.body)
		}
	}
	textCells(t, ada.done(t, http.MethodGet, "/api/v1/audit/file?format=csv", nil, nil).body)
	if a := ada.ask(t, http.MethodGet, "/api/v1/export/contacts?format=csv&phonebook=x%0d%0aX-Harm:1", nil); a.status < 400 || a.header.Get("X-Harm") != "" {
		t.Errorf("a phonebook with a line break: %d %v", a.status, a.header)
	}
	out := command(t, d, 0, "", "get", "contacts", "-o", "csv")
	textCells(t, out.Stdout)
}

func textCells(t *testing.T, text string) {
	t.Helper()
	rows := must[[][]string](t)(csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff"))).ReadAll())
	if len(rows) < 2 {
		t.Errorf("a table of %d rows", len(rows))
	}
	for _, row := range rows {
		for _, cell := range row {
			if harmful(cell) {
				t.Errorf("a cell begins as a formula: %q", cell)
			}
		}
	}
}

// harmful tells whether a spreadsheet may calculate what is in a cell. A telephone number begins
// with a plus and is none.
func harmful(cell string) bool {
	if strings.HasPrefix(cell, "+") && strings.Trim(cell, "+0123456789 ()/-.") == "" {
		return false
	}
	return strings.IndexAny(cell, "=+-@\t\r") == 0 && cell != "-"
}

func noFormulas(t *testing.T, text string) {
	t.Helper()
	archive := must[*zip.Reader](t)(zip.NewReader(strings.NewReader(text), int64(len(text))))
	sheets := 0
	for _, file := range archive.File {
		if !strings.HasPrefix(file.Name, "xl/worksheets/") {
			continue
		}
		sheets++
		r := must[io.ReadCloser](t)(file.Open())
		content := must[[]byte](t)(io.ReadAll(r))
		r.Close()
		if bytes.Contains(content, []byte("<f>")) || bytes.Contains(content, []byte("<f ")) {
			t.Errorf("%s has a formula", file.Name)
		}
	}
	if sheets == 0 {
		t.Error("no sheet")
	}
}

func wholeCards(t *testing.T, text string) {
	t.Helper()
	begun, ended := 0, 0
	for line := range strings.Lines(text) {
		switch key, _, _ := strings.Cut(strings.TrimSpace(line), ":"); key {
		case "BEGIN":
			begun++
		case "END":
			ended++
		case "X-HARM":
			t.Errorf("a value is a line of its own: %q", line)
		}
		if begun-ended != 0 && begun-ended != 1 {
			t.Fatalf("a card within a card: %q", line)
		}
	}
}

// A path leads to nothing outside of what is served, in no spelling.
func TestPathsStayInside(t *testing.T) {
	d := guarded(t)
	ada := signedIn(t, d, adminName, adminPassword, "admin")
	version := staticPath.FindString(ada.ask(t, http.MethodGet, "/", nil).body)
	if version == "" {
		t.Fatal("the page has no static files")
	}
	a := must[*fixture.Authority](t)(authority())
	for _, prefix := range []string{"/", "/static/", version, "/api/v1/users/", "/api/v1/connectors/", "/api/v1/templates/", "/api/v1/phones/", "/api/v1/runs/", "/phonebooks/books/", "/phones/settings/", "/phonebooks/import/"} {
		for _, climb := range []string{"../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%5c", "....//", "..;/", "%252e%252e%252f", "%c0%ae%c0%ae/"} {
			for _, target := range []string{"etc/passwd", "dialtree.yaml", "data/secrets.key", "app.css%00.html"} {
				path := prefix + strings.Repeat(climb, 6) + target
				c := must[*tls.Conn](t)(tls.Dial("tcp", d.AdminAddress, a.ClientConfig("127.0.0.1")))
				_ = c.SetDeadline(time.Now().Add(answerLimit))
				fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nCookie: %s\r\nConnection: close\r\n\r\n", path, d.AdminAddress, ada.header.Get("Cookie"))
				raw, _ := io.ReadAll(c)
				c.Close()
				head, _, _ := strings.Cut(string(raw), "\r\n")
				if !strings.HasPrefix(head, "HTTP/1.1 4") && !strings.HasPrefix(head, "HTTP/1.1 30") {
					t.Errorf("%s: %s", path, head)
				}
				for _, unwanted := range []string{"root:", "data_dir", "base_dn:"} {
					if bytes.Contains(raw, []byte(unwanted)) {
						t.Errorf("%s: %.500s", path, raw)
					}
				}
			}
		}
	}
}
