package admin_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/store"
)

const contactsPath = "/api/v1/phonebooks/customers/contacts"

// fill puts the phonebook customers with contacts C 0, C 1, …, of which the one before the last is hidden, and another phonebook.
func (b *bench) fill(t *testing.T, contacts int, notes string) {
	t.Helper()
	changes := &store.Changes{PutObjects: []store.Object{&store.Phonebook{Name: "customers"}, &store.Phonebook{Name: "private"},
		&store.Connector{Name: "nightly", Template: "csv-phonebook", Source: store.Source{CSV: &store.CSVSource{Path: "a.csv"}}}}}
	for i := range contacts {
		e := store.Entry{Kind: store.KindContact, Phonebook: "customers", Owner: "nightly", Key: fmt.Sprint(i), Values: store.Values{
			{Field: store.DisplayName, Text: fmt.Sprintf("C %d <&>", i)}, {Field: store.Phone, Text: fmt.Sprint(1000 + i)}, {Field: store.Phone, Text: "*97"},
			{Field: store.Notes, Text: notes + "."}, {Field: store.Photo, Text: "\xff\xd8\xff"}}}
		if i == contacts-2 {
			e.Removed = time.Unix(1e9, 0).UTC()
		}
		changes.Put = append(changes.Put, e)
	}
	changes.Put = append(changes.Put, store.Entry{Kind: store.KindContact, Phonebook: "private",
		Values: store.Values{{Field: store.DisplayName, Text: "Secret Lover"}}})
	if _, err := b.store.Apply(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
}

// ask asks the public listener; the login is NAME:SECRET.
func (b *bench) ask(t *testing.T, path, login string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+b.public+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if name, secret, ok := strings.Cut(login, ":"); ok {
		r.SetBasicAuth(name, secret)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

type contactsPage struct {
	Phonebook, Title, Version, Next string
	Total                           int
	Contacts                        []map[string]any
}

func TestContacts(t *testing.T) {
	b := start(t)
	b.fill(t, 12, "")
	path, names := contactsPath+"?limit=5", map[string]bool{}
	for pages := 1; path != ""; pages++ {
		r, text := b.ask(t, path, "branch:right")
		var page contactsPage
		if err := json.Unmarshal([]byte(text), &page); err != nil || r.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %s", path, r.StatusCode, text)
		}
		if page.Total != 11 || page.Phonebook != "customers" || page.Title != "Our customers" || len(page.Contacts) != min(5, 11-len(names)) {
			t.Errorf("page %d: %s", pages, text)
		}
		for _, c := range page.Contacts {
			name, _ := c["displayname"].(string)
			if names[name] || c["id"] == "" || fmt.Sprint(c["phone"]) != fmt.Sprintf("[1%03s *97]", strings.Fields(name)[1]) || len(c) != 4 {
				t.Errorf("a contact is %v", c)
			}
			names[name] = true
		}
		for _, hidden := range []string{"C 10", "Secret Lover", "photo", "nightly", "removed"} {
			if strings.Contains(text, hidden) {
				t.Errorf("%q is in %s", hidden, text)
			}
		}
		path = page.Next
	}
	if len(names) != 11 {
		t.Errorf("%d contacts", len(names))
	}
}

func TestContactsAnswers(t *testing.T) {
	b := start(t)
	b.fill(t, 4, "")
	for _, tt := range []struct {
		name, path, login string
		status            int
		want              string
	}{
		{"no login", contactsPath, "", 401, "log in with the name and the secret of a device"},
		{"a wrong secret", contactsPath, "branch:wrong", 401, "this is not the name and the secret of a device"},
		{"throttled", contactsPath, "throttled:right", 429, "too many failed logins"},
		{"could not find out", contactsPath, "lost:right", 503, "the secret could not be checked: try again later"},
		{"one that may not be read", "/api/v1/phonebooks/private/contacts", "branch:right", 404, "there is no phonebook of that name that this device may read"},
		{"one that is not there", "/api/v1/phonebooks/none/contacts", "branch:right", 404, "there is no phonebook of that name that this device may read"},
		{"a name that is none", "/api/v1/phonebooks/%00%2f..%2f/contacts", "branch:right", 404, "there is no phonebook of that name that this device may read"},
		{"another device", contactsPath, "slow:right", 404, "there is no phonebook of that name that this device may read"},
		{"a page too large", contactsPath + "?limit=1001", "branch:right", 422, "limit"},
		{"no page", contactsPath + "?limit=0", "branch:right", 422, "limit"},
		{"a query that is not known", contactsPath + "?offset=1", "branch:right", 422, "offset"},
		{"an after that is none", contactsPath + "?after=x", "branch:right", 400, "after is not the id of a contact"},
		{"elsewhere without a login", "/api/v1/phonebooks/", "", 401, "log in"},
		{"what only the socket has", "/api/v1/phonebooks/customers", "branch:right", 404, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, text := b.ask(t, tt.path, tt.login)
			if r.StatusCode != tt.status || !strings.Contains(text, tt.want) || strings.Contains(text, "hunter2") {
				t.Errorf("%d %s\nwant %d %s", r.StatusCode, text, tt.status, tt.want)
			}
			if challenge := r.Header.Get("WWW-Authenticate"); (challenge != "") != (tt.status == 401) {
				t.Errorf("WWW-Authenticate is %q", challenge)
			}
			if retry := r.Header.Get("Retry-After"); (retry != "") != (tt.status == 429 || tt.status == 503) {
				t.Errorf("Retry-After is %q", retry)
			}
			if h := r.Header; h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Content-Security-Policy") == "" || h.Get("Cache-Control") != "no-store" {
				t.Errorf("headers %v", h)
			}
		})
	}
}

func TestContactsETag(t *testing.T) {
	b := start(t)
	b.fill(t, 4, "")
	r, _ := b.ask(t, contactsPath, "branch:right")
	tag := r.Header.Get("ETag")
	if tag == "" || r.Header.Get("Cache-Control") != "private, no-cache" || r.Header.Get("Vary") != "Authorization" {
		t.Errorf("headers %v", r.Header)
	}
	for _, tags := range []string{tag, strings.TrimPrefix(tag, "W/"), `"x", ` + tag} {
		if r, text := b.ask(t, contactsPath, "branch:right", "If-None-Match", tags); r.StatusCode != http.StatusNotModified || text != "" || r.Header.Get("ETag") != tag {
			t.Errorf("%s: %d %v %s", tags, r.StatusCode, r.Header, text)
		}
	}
	for _, login := range []string{"branch:wrong", "slow:right"} {
		if r, _ := b.ask(t, contactsPath, login, "If-None-Match", tag); r.StatusCode == http.StatusNotModified {
			t.Errorf("%s was told that nothing changed", login)
		}
	}
	b.apply(t, "kind: contact\nphonebook: customers\ndisplayname: New\n")
	if r, text := b.ask(t, contactsPath, "branch:right", "If-None-Match", tag); r.StatusCode != http.StatusOK || r.Header.Get("ETag") == tag || !strings.Contains(text, "New") {
		t.Errorf("%d %v %s", r.StatusCode, r.Header, text)
	}
}

// A page ends before it becomes too large.
func TestContactsAreBounded(t *testing.T) {
	b := start(t)
	b.fill(t, 40, strings.Repeat("x", 60<<10))
	path, seen := contactsPath+"?limit=1000", 0
	for path != "" {
		_, text := b.ask(t, path, "branch:right")
		var page contactsPage
		if err := json.Unmarshal([]byte(text), &page); err != nil || len(page.Contacts) == 0 || len(text) > 1<<20+1<<17 {
			t.Fatalf("%d bytes, %v", len(text), err)
		}
		seen, path = seen+len(page.Contacts), page.Next
	}
	if seen != 39 {
		t.Errorf("%d contacts", seen)
	}
}

// Secrets in clear are taken from this machine and from admin.clear_text_from alone, whatever a client says of itself.
func TestContactsWithoutTLS(t *testing.T) {
	b := start(t)
	b.fill(t, 4, "")
	for _, tt := range []struct {
		remote string
		tls    *tls.ConnectionState
		want   int
	}{
		{"127.0.0.1:1", nil, 200}, {"[::1]:1", nil, 200}, {"[::ffff:127.0.0.1]:1", nil, 200}, {"192.0.2.9:1", nil, 200}, {"[::ffff:192.0.2.9]:1", nil, 200},
		{"198.51.100.1:1", nil, 403}, {"[2001:db8::1]:1", nil, 403}, {"198.51.100.1:1", &tls.ConnectionState{}, 200}, {"", nil, 500},
	} {
		r := httptest.NewRequest(http.MethodGet, contactsPath, nil)
		r.RemoteAddr, r.TLS = tt.remote, tt.tls
		r.Header.Set("X-Forwarded-For", "127.0.0.1")
		r.SetBasicAuth("branch", "right")
		w := httptest.NewRecorder()
		b.server.PublicHandler().ServeHTTP(w, r)
		if w.Code != tt.want || w.Code == http.StatusForbidden && w.Header().Get("WWW-Authenticate") != "" {
			t.Errorf("%q: %d %s, want %d", tt.remote, w.Code, w.Body, tt.want)
		}
	}
}

// One device cannot keep all others waiting.
func TestContactsAtOnce(t *testing.T) {
	b := start(t)
	b.fill(t, 4, "")
	b.devices.block = make(chan struct{})
	statuses := make(chan int)
	for range 6 {
		go func() {
			r, err := http.NewRequest(http.MethodGet, "http://"+b.public+contactsPath, nil)
			if err != nil {
				panic(err)
			}
			r.SetBasicAuth("slow", "right")
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				statuses <- 0
				return
			}
			response.Body.Close()
			statuses <- response.StatusCode
		}()
	}
	got := map[int]int{}
	for range 2 {
		got[<-statuses]++ // those that are not let in
	}
	close(b.devices.block)
	for range 4 {
		got[<-statuses]++
	}
	if got[http.StatusTooManyRequests] != 2 || got[http.StatusNotFound] != 4 {
		t.Errorf("statuses %v", got)
	}
	if r, _ := b.ask(t, contactsPath, "branch:right"); r.StatusCode != http.StatusOK {
		t.Errorf("afterwards: %d", r.StatusCode)
	}
}

func TestContactsDescription(t *testing.T) {
	b := start(t)
	r, text := b.ask(t, "/api/v1/openapi.json", "")
	var description struct {
		Paths      map[string]any
		Components struct {
			Schemas map[string]struct {
				Properties map[string]any
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &description); err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%d %v %s", r.StatusCode, err, text)
	}
	if len(description.Paths) != 1 || description.Paths["/api/v1/phonebooks/{name}/contacts"] == nil {
		t.Errorf("paths %v", description.Paths)
	}
	for _, want := range []string{`"scheme":"basic"`, `"304"`, `"displayname"`, `"customernumber"`, `"If-None-Match"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing in %s", want, text)
		}
	}
	for _, not := range []string{`"photo"`, `"username"`, `"password"`} {
		if strings.Contains(text, not) {
			t.Errorf("%s is in %s", not, text)
		}
	}
}

// A client that sends a body is not waited for.
func TestContactsBody(t *testing.T) {
	b := start(t)
	b.fill(t, 4, "")
	conn, err := net.Dial("tcp", b.public)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: a\r\nAuthorization: Basic YnJhbmNoOnJpZ2h0\r\nContent-Length: 1000000\r\n\r\n", contactsPath)
	conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	answer := make([]byte, 64)
	if n, err := conn.Read(answer); err != nil || !strings.HasPrefix(string(answer[:n]), "HTTP/1.1 200") {
		t.Errorf("%q, %v", answer[:n], err)
	}
}
