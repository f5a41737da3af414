package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/dialtree/dialtree/syncer/source"
	"github.com/dialtree/dialtree/syncer/source/file"
)

// Options name a file behind a URL.
type Options struct {
	URL      string // http:// or https://, without a password
	Username string // empty: none
	// Password and Token are asked for at each fetch. One that gives "" is none.
	Password, Token func() (string, error)
	TLS             TLS
}

// New checks the URL. It touches no network.
func New(o Options) (file.Place, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return nil, errors.New("the url is not http://HOST/PATH or https://HOST/PATH")
	}
	name := *u
	name.RawQuery = "" // may hold a key
	return &place{o: o, url: u, name: name.String()}, nil
}

type place struct {
	o    Options
	url  *url.URL
	name string
}

func (p *place) Name() string { return p.name }

// maxRedirects is more than any server needs.
const maxRedirects = 5

func (p *place) Open(ctx context.Context) (file.Stream, error) {
	authorization, err := p.authorization()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	at := p.url
	for range maxRedirects + 1 {
		// Never to another host: it may be whoever a mistyped redirect leads to.
		sent := authorization
		if !sameHost(p.url, at) {
			sent = ""
		}
		s, err := p.exchange(ctx, at, sent)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		next, err := s.redirect(at)
		if err == nil && next == nil {
			if err = p.refusal(s.response, at, authorization, sent); err == nil {
				return s, nil
			}
		}
		s.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		at = next
	}
	return nil, fmt.Errorf("%s: the server redirects more than %d times: check url", p.name, maxRedirects)
}

// authorization returns the header field; empty: none.
func (p *place) authorization() (string, error) {
	token, err := p.o.Token()
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	if token != "" {
		return "Bearer " + token, nil
	}
	if p.o.Username == "" {
		return "", nil
	}
	password, err := p.o.Password()
	if err != nil {
		return "", fmt.Errorf("password: %w", err)
	}
	var r http.Request
	r.Header = http.Header{}
	r.SetBasicAuth(p.o.Username, password)
	return r.Header.Get("Authorization"), nil
}

// sameHost tells whether what may be sent to a may be sent to b: the same host and port, or the same host with http
// become https, each on its usual port.
func sameHost(a, b *url.URL) bool {
	if a.Hostname() != b.Hostname() {
		return false
	}
	if a.Scheme == b.Scheme {
		return port(a) == port(b)
	}
	return a.Scheme == "http" && port(a) == "80" && port(b) == "443"
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

// refusal explains an answer that is not the file.
func (p *place) refusal(r *http.Response, at *url.URL, authorization, sent string) error {
	where := ""
	if at != p.url {
		where = " after a redirect to " + at.Host
	}
	switch {
	case r.StatusCode == http.StatusUnauthorized && sent != authorization:
		return fmt.Errorf("the server wants a login (401)%s, and what logs in to %s is not sent there: write the new address into url", where, p.url.Host)
	case r.StatusCode == http.StatusUnauthorized && sent == "":
		return fmt.Errorf("the server wants a login (401)%s: give username and password, or token", where)
	case r.StatusCode == http.StatusUnauthorized:
		return fmt.Errorf("the server refused the login (401)%s: check username and password, or token", where)
	case r.StatusCode == http.StatusForbidden:
		return fmt.Errorf("the server does not allow it (403)%s: check the rights of the account there", where)
	case r.StatusCode == http.StatusNotFound, r.StatusCode == http.StatusGone:
		return fmt.Errorf("there is no such file (%d)%s: check url", r.StatusCode, where)
	case r.StatusCode >= 500, r.StatusCode == http.StatusTooManyRequests, r.StatusCode == http.StatusRequestTimeout:
		return source.Temporary(fmt.Errorf("the server answered %d %s%s instead of the file: try again later", r.StatusCode, http.StatusText(r.StatusCode), where))
	case r.StatusCode != http.StatusOK:
		return fmt.Errorf("the server answered %d %s%s instead of the file", r.StatusCode, http.StatusText(r.StatusCode), where)
	case r.Header.Get("Content-Encoding") != "" && r.Header.Get("Content-Encoding") != "identity":
		return fmt.Errorf("the server compressed the file (%q), though it was asked not to", r.Header.Get("Content-Encoding"))
	case isPage(r.Header.Get("Content-Type")):
		return fmt.Errorf("the server sent a web page%s instead of the file: it may want a login, or url is the page with the link to the file", where)
	}
	return nil
}
