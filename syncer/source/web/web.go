package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/dialtree/dialtree/syncer/source/file"
)

// Options name a file behind a URL.
type Options struct {
	URL      string // http:// or https://, without a password
	Username string // empty: none
	// Password and Token are asked for at each fetch. One that gives "" is none.
	Password, Token func() (string, error)
	TLS             TLS
	Accept          string // the media type that is asked for; empty: any
	SelfEnding      bool   // the content tells where it ends, so that a length is not missed
	Noun            string // what messages call it after "the"; empty: file
}

// New checks the URL. It touches no network.
func New(o Options) (file.Place, error) {
	s, err := NewSite(o)
	if err != nil {
		return nil, err
	}
	return s.place(s.url), nil
}

type place struct {
	o        Options
	url      *url.URL
	name     string
	answered func(Answer) // may be nil
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
				if p.answered != nil {
					p.answered(Answer{URL: at, Header: s.response.Header})
				}
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
