package web_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dialtree/dialtree/syncer/source"
	"github.com/dialtree/dialtree/syncer/source/file"
	"github.com/dialtree/dialtree/syncer/source/web"
)

func none() (string, error) { return "", nil }

func secret(s string) func() (string, error) { return func() (string, error) { return s, nil } }

// fetch returns the file, as text, and what is to be known of it.
func fetch(t *testing.T, o web.Options, timeout time.Duration) (text string, notes []string, err error) {
	t.Helper()
	if o.Password == nil {
		o.Password = none
	}
	if o.Token == nil {
		o.Token = none
	}
	place, err := web.New(o)
	if err != nil {
		t.Fatal(err)
	}
	content, err := file.Copied(place, file.Options{Dir: t.TempDir(), Timeout: timeout}).Open(t.Context())
	if err != nil {
		return "", nil, err
	}
	defer content.Close()
	b, err := io.ReadAll(content)
	return string(b), content.Notes(), err
}

// wantError wants an error that begins with the URL, without what stands in its query, and holds no secret.
func wantError(t *testing.T, err error, url, want string) {
	t.Helper()
	url, _, _ = strings.Cut(url, "?")
	if err == nil || err.Error() != url+": "+want {
		t.Errorf("error %v\n want %s: %s", err, url, want)
	}
	if err != nil && strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a secret is in %v", err)
	}
}

// A raw server answers each request with these bytes, then closes the connection unless it is to hang.
func raw(t *testing.T, answer string, hang bool) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.ReadAtLeast(c, make([]byte, 4096), 1)
			io.WriteString(c, answer)
			if hang {
				io.Copy(io.Discard, c) // until the other side has had enough
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	return "http://" + l.Addr().String() + "/users.csv?key=hunter2"
}

const head = "HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n"

func TestAnswers(t *testing.T) {
	defer goleak.VerifyNone(t)
	const unsaid = "the server did not say how long the file is, so that one that is cut off looks complete"
	tests := []struct {
		name   string
		answer string
		hang   bool
		want   string
		notes  []string
		err    string
	}{
		{name: "whole", answer: head + "Content-Length: 4\r\n\r\na\n1\n", want: "a\n1\n"},
		{name: "the connection stays open", answer: head + "Content-Length: 4\r\n\r\na\n1\n", hang: true, want: "a\n1\n"},
		{name: "chunked", answer: head + "Transfer-Encoding: chunked\r\n\r\n2\r\na\n\r\n2\r\n1\n\r\n0\r\n\r\n", want: "a\n1\n"},
		{name: "as HTTP/1.0", answer: "HTTP/1.0 200 OK\r\n\r\na\n1\n", want: "a\n1\n", notes: []string{unsaid}},
		{name: "an early hint first", answer: "HTTP/1.1 103 Early Hints\r\n\r\n" + head + "Content-Length: 2\r\n\r\na\n", want: "a\n"},
		{name: "empty", answer: head + "Content-Length: 0\r\n\r\n"},
		{name: "less than announced", answer: head + "Content-Length: 9\r\n\r\na\n1\n", err: "the connection ended after the first 4 bytes: the file was cut off on the way"},
		{name: "more than announced", answer: head + "Content-Length: 2\r\n\r\na\n1\n", err: "the server announced 2 bytes and sent more: nothing that it sent can be trusted to be whole"},
		{name: "a chunk cut off", answer: head + "Transfer-Encoding: chunked\r\n\r\n9\r\na\n", err: "the connection ended after the first 2 bytes: the file was cut off on the way"},
		{name: "no last chunk", answer: head + "Transfer-Encoding: chunked\r\n\r\n2\r\na\n\r\n", err: "the connection ended after the first 2 bytes: the file was cut off on the way"},
		{name: "it stalls", answer: head + "Content-Length: 9\r\n\r\na\n", hang: true, err: "nothing came for 700ms after the first 2 bytes: check the server and the network, then run again"},
		{name: "no answer", hang: true, err: "no answer within 700ms: check that the server and the network are up"},
		{name: "closed at once", err: "the server ended the connection without an answer"},
		{name: "half a head", answer: "HTTP/1.1 200 OK\r\nContent-", err: `the answer is not HTTP: malformed MIME header: missing colon: "Content-"`},
		{name: "not HTTP", answer: "220 mail.example.com ESMTP\r\n\r\n", err: `the answer is not HTTP: malformed HTTP status code "mail.example.com"`},
		{name: "an endless head", answer: "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-Filler: 0123456789\r\n", 60000), err: "the server ended the connection without an answer"},
		{name: "a login page", answer: "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 6\r\n\r\n<html>",
			err: "the server sent a web page instead of the file: it may want a login, or url is the page with the link to the file"},
		{name: "compressed", answer: head + "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b", err: `the server compressed the file ("gzip"), though it was asked not to`},
		{name: "a part", answer: "HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\n\r\na\n", err: "the server answered 206 Partial Content instead of the file"},
		{name: "not there", answer: "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", err: "there is no such file (404): check url"},
		{name: "forbidden", answer: "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", err: "the server does not allow it (403): check the rights of the account there"},
		{name: "broken", answer: "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", err: "the server answered 503 Service Unavailable instead of the file: try again later"},
		{name: "it redirects nowhere", answer: "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", err: "the server redirects to no address: check url"},
		{name: "it redirects to another kind", answer: "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n", err: "the server redirects to no address: check url"},
		{name: "it redirects in a circle", answer: "HTTP/1.1 302 Found\r\nLocation: /users.csv\r\nContent-Length: 0\r\n\r\n", err: "the server redirects more than 5 times: check url"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			url := raw(t, tt.answer, tt.hang)
			start := time.Now()
			text, notes, err := fetch(t, web.Options{URL: url}, 700*time.Millisecond)
			if took := time.Since(start); took > 3*time.Second {
				t.Errorf("took %v", took)
			}
			if tt.err != "" {
				wantError(t, err, url, tt.err)
				passing := strings.Contains(tt.err, "503") || strings.Contains(tt.err, "connection") || strings.Contains(tt.err, "check the server") || strings.Contains(tt.err, "check that the server")
				if source.IsTemporary(err) != passing {
					t.Errorf("%v may pass: %v", err, !passing)
				}
				return
			}
			if err != nil || text != tt.want || !slices.Equal(notes, tt.notes) {
				t.Errorf("%q, notes %q, %v; want %q, %q", text, notes, err, tt.want, tt.notes)
			}
		})
	}
}

// A recorder notes what logs in at each request.
type recorder struct {
	*httptest.Server
	seen []string
}

func record(t *testing.T, secure bool, answer http.HandlerFunc) *recorder {
	t.Helper()
	r := &recorder{}
	h := http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.seen = append(r.seen, request.Host+" "+request.URL.Path+" "+request.Header.Get("Authorization"))
		answer(w, request)
	})
	r.Server = httptest.NewUnstartedServer(h)
	r.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes fail on purpose
	if secure {
		r.StartTLS()
	} else {
		r.Start()
	}
	t.Cleanup(r.Close)
	return r
}

func give(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "a\n1\n") }

func TestLogin(t *testing.T) {
	const inClear = "the login went over the network in clear: use https"
	for name, tt := range map[string]struct {
		options web.Options
		want    string
		notes   []string
	}{
		"none":   {web.Options{}, "", nil},
		"basic":  {web.Options{Username: "u", Password: secret("hunter2")}, "Basic dTpodW50ZXIy", []string{inClear}},
		"bearer": {web.Options{Token: secret("hunter2")}, "Bearer hunter2", []string{inClear}},
	} {
		s := record(t, false, give)
		tt.options.URL = s.URL + "/a"
		text, notes, err := fetch(t, tt.options, 0)
		if err != nil || text != "a\n1\n" || !slices.Equal(notes, tt.notes) {
			t.Errorf("%s: %q, %q, %v", name, text, notes, err)
		}
		if want := []string{s.Listener.Addr().String() + " /a " + tt.want}; !slices.Equal(s.seen, want) {
			t.Errorf("%s: the server saw %q, want %q", name, s.seen, want)
		}
	}
}

func TestRefusedLogin(t *testing.T) {
	s := record(t, false, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	_, _, err := fetch(t, web.Options{URL: s.URL + "/a"}, 0)
	wantError(t, err, s.URL+"/a", "the server wants a login (401): give username and password, or token")
	_, _, err = fetch(t, web.Options{URL: s.URL + "/a", Token: secret("hunter2")}, 0)
	wantError(t, err, s.URL+"/a", "the server refused the login (401): check username and password, or token")
	_, _, err = fetch(t, web.Options{URL: s.URL + "/a", Username: "u", Password: func() (string, error) { return "", errors.New("PW is not set") }}, 0)
	wantError(t, err, s.URL+"/a", "password: PW is not set")
}

// A login goes to the host that it is for, and to nobody that this one names.
func TestRedirects(t *testing.T) {
	other := record(t, false, give)
	walled := record(t, false, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	s := record(t, false, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/same":
			http.Redirect(w, r, "/file", http.StatusFound)
		case "/other":
			http.Redirect(w, r, other.URL+"/file", http.StatusMovedPermanently)
		case "/walled":
			http.Redirect(w, r, walled.URL+"/file", http.StatusTemporaryRedirect)
		default:
			give(w, r)
		}
	})
	here, there := s.Listener.Addr().String(), other.Listener.Addr().String()
	get := func(path string) error {
		_, _, err := fetch(t, web.Options{URL: s.URL + path, Token: secret("hunter2")}, 0)
		return err
	}
	if err := get("/same"); err != nil {
		t.Error(err)
	}
	if want := []string{here + " /same Bearer hunter2", here + " /file Bearer hunter2"}; !slices.Equal(s.seen, want) {
		t.Errorf("the server saw %q, want %q", s.seen, want)
	}
	if err := get("/other"); err != nil {
		t.Error(err)
	}
	if want := []string{there + " /file "}; !slices.Equal(other.seen, want) {
		t.Errorf("the other server saw %q, want %q", other.seen, want)
	}
	wantError(t, get("/walled"), s.URL+"/walled", "the server wants a login (401) after a redirect to "+walled.Listener.Addr().String()+
		", and what logs in to "+here+" is not sent there: write the new address into url")
}

func TestBadURL(t *testing.T) {
	for _, url := range []string{"", "ftp://a/b", "https:///a", "https://u:p@a/b", "a.csv", "http://[::1"} {
		if _, err := web.New(web.Options{URL: url}); err == nil {
			t.Errorf("%q was accepted", url)
		}
	}
}

func TestCancelled(t *testing.T) {
	place, err := web.New(web.Options{URL: raw(t, "", true), Password: none, Token: none})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := place.Open(ctx); err == nil || ctx.Err() == nil {
		t.Errorf("ended with %v", err)
	}
}
