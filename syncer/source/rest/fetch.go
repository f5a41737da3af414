package rest

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"github.com/dialtree/dialtree/syncer/source"
	"github.com/dialtree/dialtree/syncer/source/file"
)

// errChanged is the only error after which reading again helps.
var errChanged = source.Temporary(errors.New("the list changes while it is read: run again later"))

// A fetch reads all pages of a list once.
type fetch struct {
	source *Source
	spool  *spool
	flat   flattener

	pages   int
	records int
	bytes   int64
	total   int // as the server says; -1: unknown
	asked   map[string]bool
	seen    map[[sha256.Size]byte]int // the page that had these records
}

func (s *Source) newFetch(sp *spool) *fetch {
	return &fetch{
		source: s, spool: sp, total: -1,
		flat:  flattener{index: map[string]int{}, digest: sha256.New()},
		asked: map[string]bool{}, seen: map[[sha256.Size]byte]int{},
	}
}

func (f *fetch) all(ctx context.Context) error {
	limit := f.source.limits.time
	ctx, cancel := context.WithTimeoutCause(ctx, limit, source.Temporary(fmt.Errorf("%s: not all of it came within %s", f.source.name(), limit)))
	defer cancel()
	at := f.source.paging.at(f.source.site.URL(), 0, 0)
	for at != nil {
		p, err := f.page(ctx, at)
		if err != nil {
			return err
		}
		if at, err = f.after(p); err != nil {
			return f.wrong(err)
		}
	}
	if err := f.complete(); err != nil {
		return fmt.Errorf("%s: %w", f.source.name(), err)
	}
	return nil
}

// wrong says on which page something was wrong.
func (f *fetch) wrong(err error) error {
	return fmt.Errorf("%s: page %d: %w", f.source.name(), f.pages, err)
}

// A page is what was found beside its records.
type page struct {
	at          *url.URL
	links       []string // the Link header
	count       int
	listed      bool // there was a list
	total, next scalar
}

func (f *fetch) page(ctx context.Context, at *url.URL) (*page, error) {
	f.asked[at.String()] = true
	f.pages++
	content, answer, err := f.source.open(ctx, at, max(1, f.source.limits.bytes-f.bytes))
	var long *file.TooLongError
	switch {
	case errors.As(err, &long): // than what the pages before it left over
		return nil, f.wrong(fmt.Errorf("the list is longer than %d MiB on all pages: is it the right one?", f.source.limits.bytes>>20))
	case err != nil:
		return nil, err
	}
	defer content.Close()
	f.bytes += content.Size()
	f.source.note(content.Notes()...)
	p := &page{at: answer.URL, links: answer.Header.Values("Link")}
	switch err := f.read(ctx, newTokens(content), p); {
	case err != nil && ctx.Err() != nil:
		return nil, context.Cause(ctx) // which says where by itself
	case err != nil:
		return nil, f.wrong(err)
	}
	return p, nil
}

// read takes a page apart.
func (f *fetch) read(ctx context.Context, t *tokens, p *page) error {
	s := f.source
	targets := []target{{s.list, func(token json.Token, depth int) error { return f.list(ctx, t, p, token, depth) }}}
	if s.total != nil {
		targets = append(targets, target{s.total, p.total.taker("total")})
	}
	if s.paging.body != nil {
		targets = append(targets, target{s.paging.body, p.next.taker("next")})
	}
	f.flat.digest.Reset()
	first, err := t.next()
	if err != nil {
		return err
	}
	if err := t.seek(targets, first, 1); err != nil {
		return err
	}
	if err := t.end(); err != nil {
		return err
	}
	if !p.listed {
		return fmt.Errorf("there is nothing at list: %q: check it against what the server sends", s.list)
	}
	return nil
}

// list reads the records of a page. Where there are none, some servers send null.
func (f *fetch) list(ctx context.Context, t *tokens, p *page, token json.Token, depth int) error {
	if p.listed {
		return fmt.Errorf("there are two values at list: %q", f.source.list)
	}
	p.listed = true
	if token == nil {
		return nil
	}
	if token != json.Delim('[') {
		return fmt.Errorf("list: %q leads to %s, not to a list: check it against what the server sends", f.source.list, kindOf(token))
	}
	return t.each('[', func(_ string, token json.Token) error {
		if limit := f.source.limits.records; f.records == limit {
			return fmt.Errorf("the list holds more than %d records: is it the right one?", limit)
		}
		r, err := f.flat.record(t, token, depth+1)
		if err != nil {
			return err
		}
		p.count++
		f.records++
		if p.count%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return f.spool.add(r)
	})
}

// after checks a page against those before it and returns the URL of the next one; nil: it was the last.
func (f *fetch) after(p *page) (*url.URL, error) {
	if err := f.checkTotal(p); err != nil {
		return nil, err
	}
	if err := f.checkRepeated(p); err != nil {
		return nil, err
	}
	next, err := f.next(p)
	switch {
	case err != nil || next == nil:
		return nil, err
	case f.asked[next.String()]:
		return nil, errors.New("the next page is one that was read already: the server leads in a circle")
	case f.pages == f.source.limits.pages:
		return nil, fmt.Errorf("the list has more than %d pages: let the server send more records on each, or check next", f.pages)
	}
	return next, nil
}

func (f *fetch) checkTotal(p *page) error {
	if f.source.total == nil {
		return nil
	}
	total, err := strconv.Atoi(p.total.text)
	switch {
	case !p.total.found:
		return fmt.Errorf("there is nothing at total: %q: check it against what the server sends", f.source.total)
	case err != nil || total < 0:
		return fmt.Errorf("total: %q leads to %.50q, which is not a number of records", f.source.total, p.total.text)
	case f.total >= 0 && total != f.total:
		return errChanged
	}
	f.total = total
	return nil
}

// checkRepeated notices a server that sends one page for ever, such as one that does not know the parameters that count.
func (f *fetch) checkRepeated(p *page) error {
	if p.count == 0 {
		return nil
	}
	sum := [sha256.Size]byte(f.flat.digest.Sum(nil))
	if earlier, ok := f.seen[sum]; ok {
		return fmt.Errorf("it holds the same records as page %d: the server sends one page again and again: check next", earlier)
	}
	f.seen[sum] = f.pages
	return nil
}

// next returns the URL of the page after this one; nil: there is none.
func (f *fetch) next(p *page) (*url.URL, error) {
	link := ""
	switch paging := &f.source.paging; {
	case paging.header:
		link = nextLink(p.links)
	case paging.body != nil:
		link = p.next.text
	case paging.counts != nil:
		if p.count == 0 || f.total >= 0 && f.records >= f.total {
			return nil, nil
		}
		return paging.at(f.source.site.URL(), f.pages, f.records), nil
	}
	if link == "" {
		return nil, nil
	}
	next, err := p.at.Parse(link)
	if err != nil || len(link) > maxLink {
		return nil, errors.New("next leads to what is no URL: check it against what the server sends")
	}
	next.Fragment = ""
	return next, nil
}

// maxLink is the longest URL that is followed.
const maxLink = 8 << 10

// complete makes sure that the list is whole.
func (f *fetch) complete() error {
	switch {
	case f.total > f.records:
		return source.Temporary(fmt.Errorf("the list ended early: the server says that it holds %d records, and sent %d", f.total, f.records))
	case f.total >= 0 && f.total < f.records:
		return source.Temporary(fmt.Errorf("the server says that the list holds %d records, and sent %d: nothing that it sent can be trusted", f.total, f.records))
	case f.records == 0:
		return fmt.Errorf("the list is empty: check url and list: %q, and that the account may read it", f.source.list)
	case len(f.flat.names) == 0:
		return fmt.Errorf("none of the %d records has a value: check list: %q", f.records, f.source.list)
	}
	return nil
}
