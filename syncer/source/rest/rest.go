package rest

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/dialtree/dialtree/syncer/source"
	"github.com/dialtree/dialtree/syncer/source/file"
	"github.com/dialtree/dialtree/syncer/source/web"
)

// Options say where a list is.
type Options struct {
	URL      string // of the first page: http:// or https://, without a password
	Username string // empty: none
	// Password and Token are asked for at each page. One that gives "" is none.
	Password, Token func() (string, error)
	TLS             web.TLS

	List string // JSON pointer to the list; "": the whole answer is the list
	// Total is a JSON pointer to the number of records on all pages, as the server tells it on each page.
	// Empty: it does not. With it, a list that ends early is noticed.
	Total string
	// Next says how the next page is found; empty: there is one page. "link" is the Link header with rel="next" (RFC 8288). A JSON pointer
	// leads to the URL of the next page, which may be relative; nothing there, or null, is the end. "?…" are parameters of the
	// URL that count: {offset} the records before the page, {page} pages from 1, {page0} pages from 0, as in ?offset={offset}&limit=500. Such
	// a list ends with its Total, or with the first page without records.
	Next string

	Timeout time.Duration // how long nothing may come; 0: 30 s
	Dir     string        // for temporary files; empty: the system's directory for such
	Pause   time.Duration // before a list that changed is read again; 0: 2 s
}

// An OptionError is an option that no list can be read with.
type OptionError struct{ Option, Message string }

func (e *OptionError) Error() string { return e.Option + ": " + e.Message }

// A Source is a list. It implements source.Source.
type Source struct {
	options Options
	site    *web.Site
	list    pointer
	total   pointer // nil: there is none
	paging  paging
	limits  limits
	notes   []string
}

// New checks the options. It touches no network.
func New(o Options) (*Source, error) {
	site, err := web.NewSite(web.Options{
		URL: o.URL, Username: o.Username, Password: o.Password, Token: o.Token, TLS: o.TLS,
		Accept: "application/json", SelfEnding: true, Noun: noun,
	})
	if err != nil {
		return nil, &OptionError{"url", err.Error()}
	}
	s := &Source{options: o, site: site, limits: limits{pages: maxPages, records: maxRecords, bytes: maxBytes, time: longest}}
	if s.list, err = parsePointer(o.List); err != nil {
		return nil, &OptionError{"list", err.Error()}
	}
	if o.Total != "" {
		if s.total, err = parsePointer(o.Total); err != nil {
			return nil, &OptionError{"total", err.Error()}
		}
	}
	if s.paging, err = parsePaging(o.Next); err != nil {
		return nil, &OptionError{"next", err.Error()}
	}
	if s.options.Pause == 0 {
		s.options.Pause = 2 * time.Second
	}
	return s, nil
}

// Notes implements source.Source.
func (s *Source) Notes() []string { return s.notes }

// note keeps a sentence once, however many pages say it.
func (s *Source) note(notes ...string) {
	for _, n := range notes {
		if !slices.Contains(s.notes, n) {
			s.notes = append(s.notes, n)
		}
	}
}

// name is what messages call the list.
func (s *Source) name() string {
	u := *s.site.URL()
	u.RawQuery = "" // may hold a key
	return u.String()
}

// noun is what messages of web and file call a page: most lists have only one, and "page" would read like a web page.
const noun = "list"

// open fetches a page, whole, into a file.
func (s *Source) open(ctx context.Context, at *url.URL, limit int64) (file.Content, web.Answer, error) {
	var answer web.Answer
	place, err := s.site.Page(at, func(a web.Answer) { answer = a })
	if err != nil {
		return nil, web.Answer{}, fmt.Errorf("%s: %w", s.name(), err)
	}
	content, err := file.Copied(place, file.Options{Dir: s.options.Dir, Limit: limit, Timeout: s.options.Timeout, Noun: noun}).Open(ctx)
	if err != nil {
		return nil, web.Answer{}, err // without the answer: a request that was left behind may still write it
	}
	return content, answer, nil
}

var _ source.Source = (*Source)(nil)
