package admin

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/store"
)

const (
	// mostGroups is how many groups of duplicates are told of, mostInGroup how many contacts of one.
	mostGroups  = 200
	mostInGroup = 20
	// mostDuplicatesKept is how many phonebooks' duplicates are remembered.
	mostDuplicatesKept = 16
)

// duplicates remembers what was found in phonebooks for as long as the store does not change.
type duplicates struct {
	searching sync.Mutex // one search at a time: each holds a digest of every contact
	mu        sync.Mutex // guards the fields below
	seq       uint64
	found     map[string]*Duplicates
}

func (s *Server) duplicateRoutes(api huma.API) {
	register(s, api, access.Read, huma.Operation{OperationID: "list-duplicates", Method: http.MethodGet, Path: "/phonebooks/{name}/duplicates", Tags: []string{"phonebooks"},
		Summary:     "List contacts of a phonebook that share a number or a name",
		Description: "The first 200 groups, with the first 20 contacts of each. Numbers are compared as phones find them: +49 30 1 is 0301."},
		func(ctx context.Context, in *NameInput) (*body[*Duplicates], error) {
			book, err := s.object(store.ObjectPhonebook, in.Name)
			if err != nil {
				return nil, err
			}
			d, err := s.duplicatesOf(ctx, book.ObjectName())
			return &body[*Duplicates]{d}, err
		})
}

func (s *Server) duplicatesOf(ctx context.Context, book string) (*Duplicates, error) {
	s.duplicates.searching.Lock()
	defer s.duplicates.searching.Unlock()
	seq := s.options.Store.Seq()
	if d := s.duplicates.get(book, seq); d != nil {
		return d, nil
	}
	groups, more, err := s.findDuplicates(ctx, book)
	if err != nil {
		return nil, err
	}
	d := &Duplicates{Groups: []DuplicateGroup{}, More: more}
	return d, s.options.Store.View(func(v *store.Snapshot) error {
		for _, g := range groups {
			if err := d.add(v, g); err != nil {
				return err
			}
		}
		if v.Seq() == seq {
			s.duplicates.put(book, seq, d)
		}
		return nil
	})
}

func (c *duplicates) get(book string, seq uint64) *Duplicates {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seq != seq {
		return nil
	}
	return c.found[book]
}

func (c *duplicates) put(book string, seq uint64, d *Duplicates) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seq != seq || c.found == nil || len(c.found) >= mostDuplicatesKept {
		c.seq, c.found = seq, map[string]*Duplicates{}
	}
	c.found[book] = d
}

// A shared value is a number or a name that contacts have.
type shared struct {
	name  bool // else a number
	value string
}

// sharedBy are the contacts with a value.
type sharedBy struct {
	shared
	ids []string
}

// findDuplicates goes through a phonebook twice: once to count how many contacts have each value, of
// which it keeps a digest, and once to name those of the first groups.
func (s *Server) findDuplicates(ctx context.Context, book string) (groups []*sharedBy, more bool, err error) {
	q := store.Query{Kind: store.KindContact, Phonebook: book}
	counts := make(map[uint64]uint8)
	if err := s.eachShared(ctx, q, func(_ string, v shared) { counts[v.digest()] = min(counts[v.digest()]+1, 2) }); err != nil {
		return nil, false, err
	}
	byValue := make(map[shared]*sharedBy)
	err = s.eachShared(ctx, q, func(id string, v shared) {
		if counts[v.digest()] < 2 {
			return
		}
		g := byValue[v]
		if g == nil && len(byValue) > 2*mostGroups { // twice, for values whose digests alone are alike
			more = true
			return
		}
		if g == nil {
			g = &sharedBy{shared: v}
			byValue[v] = g
		}
		if len(g.ids) < mostInGroup {
			g.ids = append(g.ids, id)
		}
	})
	for _, g := range byValue {
		if len(g.ids) > 1 {
			groups = append(groups, g)
		}
	}
	slices.SortFunc(groups, func(a, b *sharedBy) int {
		if a.name != b.name {
			if a.name {
				return 1 // a number tells more than a name
			}
			return -1
		}
		return strings.Compare(a.value, b.value)
	})
	if len(groups) > mostGroups {
		groups, more = groups[:mostGroups], true
	}
	return groups, more, err
}

// digest is FNV-1a: values that share one by chance are told apart in the second pass.
func (v shared) digest() uint64 {
	h := uint64(14695981039346656037)
	if v.name {
		h ^= 1
	}
	for i := range len(v.value) {
		h = (h ^ uint64(v.value[i])) * 1099511628211
	}
	return h
}

// eachShared calls f with each value, once for each contact that has it.
func (s *Server) eachShared(ctx context.Context, q store.Query, f func(id string, v shared)) error {
	var numbers store.FieldSet
	for _, f := range store.Fields() {
		if f.Matching == store.MatchNumber {
			numbers = numbers.With(f.ID)
		}
	}
	var values []shared
	for e, err := range s.options.Store.Entries(ctx, q) {
		if err != nil {
			return err
		}
		if e.Hidden() {
			continue
		}
		values = values[:0]
		for _, v := range e.Values {
			one := shared{}
			switch {
			case v.Field == store.DisplayName:
				one = shared{name: true, value: strings.Join(strings.Fields(strings.ToLower(v.Text)), " ")}
			case numbers.Has(v.Field):
				one.value = s.options.Finder.Dialled(v.Text)
			}
			if one.value != "" && !slices.Contains(values, one) {
				values = append(values, one)
				f(e.ID, one)
			}
		}
	}
	return nil
}

// add adds a group with its contacts as they are.
func (d *Duplicates) add(v *store.Snapshot, g *sharedBy) error {
	group := DuplicateGroup{By: "number", Value: g.value}
	if g.name {
		group.By = "name"
	}
	for _, id := range g.ids {
		e, err := v.Entry(store.Ref{Kind: store.KindContact, ID: id})
		if errors.Is(err, store.ErrNotFound) {
			continue // it went just now
		}
		if err != nil {
			return err
		}
		group.Contacts = append(group.Contacts, entryDocument(&e))
	}
	if len(group.Contacts) > 1 {
		d.Groups = append(d.Groups, group)
	}
	return nil
}
