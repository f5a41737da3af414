package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/dialtree/dialtree/syncer/source/file"
)

// A Site is the server of a URL, for content that comes as many pages. It keeps nothing between two requests.
type Site struct {
	o   Options
	url *url.URL
}

// An Answer is what came before the content of a page.
type Answer struct {
	URL    *url.URL // after redirects: what links in the page are relative to
	Header http.Header
}

// NewSite checks the URL. It touches no network.
func NewSite(o Options) (*Site, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return nil, errors.New("the url is not http://HOST/PATH or https://HOST/PATH")
	}
	if o.Noun == "" {
		o.Noun = "file"
	}
	return &Site{o, u}, nil
}

// URL is the one that the site was made of. It must not be changed.
func (s *Site) URL() *url.URL { return s.url }

// Page returns the page at a URL, which a server may have given; answered is called each time that the page is opened.
// A page of another server is refused: it may be anybody's.
func (s *Site) Page(at *url.URL, answered func(Answer)) (file.Place, error) {
	if at.Scheme != "http" && at.Scheme != "https" || at.User != nil || !sameHost(s.url, at) {
		return nil, fmt.Errorf("the list goes on at %s://%.200s, which is another server than that of url: nothing was fetched from there", at.Scheme, at.Host)
	}
	p := s.place(at)
	p.answered = answered
	return p, nil
}

func (s *Site) place(at *url.URL) *place {
	name := *at
	name.RawQuery, name.Fragment = "", "" // may hold a key
	return &place{o: s.o, url: at, name: name.String()}
}
