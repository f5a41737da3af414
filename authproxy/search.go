package authproxy

import (
	"context"
	"math"
	"net/netip"
	"time"

	"github.com/dialtree/dialtree/authproxy/directory"
	"github.com/dialtree/dialtree/authproxy/ldapserver"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// SearchLimits bound one search, whatever the client asks for. Zeros mean the
// defaults.
type SearchLimits struct {
	Entries int           // 500; in a page, where the client asks for pages
	Time    time.Duration // 10 s
}

func (l SearchLimits) withDefaults() SearchLimits {
	if l.Entries == 0 {
		l.Entries = 500
	}
	if l.Time == 0 {
		l.Time = 10 * time.Second
	}
	return l
}

// SetSearchLimits changes the limits of searches that begin from now on.
func (f *Front) SetSearchLimits(l SearchLimits) {
	l = l.withDefaults()
	f.searchLimits.Store(&l)
}

// A search is one SearchRequest at work. Its memory is used again.
type search struct {
	front    *Front
	w        *ldapserver.ResponseWriter
	request  *ldapserver.Request
	query    directory.Query
	view     directory.View
	cursor   directory.Cursor
	controls searchControls
	emit     func(directory.Entry) error
	canceled func() bool
}

func (f *Front) newSearch(w *ldapserver.ResponseWriter, r *ldapserver.Request) *search {
	s, ok := f.searches.Get().(*search)
	if !ok {
		s = &search{front: f}
		s.emit = func(add directory.Entry) error { return s.w.Entry(add) }
		s.canceled = func() bool { return s.request.Canceled() }
	}
	s.w, s.request = w, r
	s.controls = searchControls{}
	return s
}

// release gives the search back with nothing of the client's in it.
func (s *search) release() {
	f := s.front
	s.w, s.request, s.query, s.controls = nil, nil, directory.Query{}, searchControls{}
	f.searches.Put(s)
}

// search answers a SearchRequest (RFC 4511, section 4.5).
func (f *Front) search(w *ldapserver.ResponseWriter, r *ldapserver.Request) {
	s := f.newSearch(w, r)
	defer s.release()
	if code, text := s.readControls(r.Message); code != ldapwire.Success {
		w.Result(code, "", text)
		return
	}
	s.fill()
	result, err := f.tree.Search(s.context(), &s.query, s.emit)
	if err != nil && !r.Canceled() {
		f.logger.Error("search failed", "error", err)
		w.Result(ldapwire.Other, "", "the directory could not be read")
		return
	}
	if err != nil {
		result = directory.Result{Code: ldapwire.Canceled}
	}
	s.finish(&result)
}

// context is what the search waits with for the directory to be read, which is
// only once, after the start: later the request's context is not made.
func (s *search) context() context.Context {
	if s.front.tree.Ready() {
		return context.Background()
	}
	return s.request.Context()
}

// fill makes the query.
func (s *search) fill() {
	f, m := s.front, &s.request.Message.Search
	limits := f.searchLimits.Load()
	secure := s.request.Conn.TLS()
	s.query = directory.Query{
		Base: m.BaseObject, Scope: m.Scope, Filter: &m.Filter, Attributes: m.Attributes, TypesOnly: m.TypesOnly,
		Limit:    limits.Entries,
		Deadline: f.now().Add(limits.Time),
		Canceled: s.canceled,
		Reader:   reader(s.request.Conn), Everyone: f.anonymousMayRead(s.request.Conn.RemoteAddr().Addr()),
		StartTLS: f.startTLS && !secure, SASLPlain: secure,
		Subentries: s.controls.subentries,
	}
	q := &s.query
	if m.TimeLimit > 0 && time.Duration(m.TimeLimit)*time.Second < limits.Time {
		q.Deadline = f.now().Add(time.Duration(m.TimeLimit) * time.Second)
	}
	s.controls.apply(s)
	if m.SizeLimit > 0 && !s.controls.paged {
		q.Limit = min(q.Limit, int(m.SizeLimit))
	}
}

// finish sends the result with the controls that answer those of the request.
func (s *search) finish(result *directory.Result) {
	var room [2]ldapwire.Control
	controls := s.controls.answers(room[:0], s, result)
	s.w.Result(result.Code, result.Matched, result.Text, controls...)
}

// compare answers a CompareRequest (RFC 4511, section 4.10).
func (f *Front) compare(w *ldapserver.ResponseWriter, r *ldapserver.Request) {
	c := &r.Message.Compare
	secure := r.Conn.TLS()
	result, err := f.tree.Compare(r.Context(), &directory.Query{
		Base: c.Entry, Limit: math.MaxInt,
		Reader: reader(r.Conn), Everyone: f.anonymousMayRead(r.Conn.RemoteAddr().Addr()),
		StartTLS: f.startTLS && !secure, SASLPlain: secure,
	}, c.Attribute, c.Value)
	if err != nil {
		f.logger.Error("compare failed", "error", err)
		w.Result(ldapwire.Other, "", "the directory could not be read")
		return
	}
	w.Result(result.Code, result.Matched, result.Text)
}

// anonymousMayRead tells whether a client may read what everyone may read
// without a bind.
func (f *Front) anonymousMayRead(a netip.Addr) bool {
	a = a.Unmap()
	for _, p := range f.anonymousFrom {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
