package admin

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/dialtree/dialtree/store"
)

const (
	defaultPage = 500
	maxPage     = 5000
)

// A Page is a part of a list.
type Page struct {
	Items []Document `json:"items"`
	Next  string     `json:"next,omitempty" doc:"Where the next page begins: give it as after; absent at the end"`
	Total int        `json:"total" doc:"How many there are on all pages"`
}

type listInput struct {
	Query     string `query:"q" maxLength:"256" doc:"Words that are in some field, and digits that are in some number"`
	After     string `query:"after" doc:"The next of the page before"`
	Limit     int    `query:"limit" minimum:"1" maximum:"5000" default:"500" doc:"How many on a page"`
	Phonebook string `query:"phonebook" doc:"Only contacts of this phonebook"`
	Connector string `query:"connector" doc:"Only entries that this connector made"`
	Method    string `query:"method" doc:"Only users with this login method: upstream, internal or none"`
	Upstream  string `query:"upstream" doc:"Only users whose password this upstream checks"`
	Group     string `query:"group" doc:"Only users of this group, by its name or, where it is a DN, the first value of that"`
	State     string `query:"state" enum:",enabled,disabled,changed,removed" doc:"Only entries that are enabled, disabled (users), changed by hand, or removed: hidden since the source has them no more. Without it, all but the removed ones"`
}

// list returns a page: users in the order of login names, other entries in that of display names,
// objects in that of their names.
func (s *Server) list(ctx context.Context, kind Kind, in *listInput) (Page, error) {
	if in.Limit == 0 {
		in.Limit = defaultPage
	}
	entryKind, isEntry := kind.Entry()
	switch {
	case !isEntry:
		return s.listObjects(store.ObjectKind(kind), in)
	case in.State == "removed":
		return s.listHidden(ctx, entryKind, in)
	}
	q := FindQuery{Kind: entryKind, Phonebook: in.Phonebook, Text: in.Query, After: in.After, Limit: in.Limit}
	var err error
	if in.narrows() {
		if q.Only, err = s.only(ctx, entryKind, in); err != nil {
			return Page{}, err
		}
	}
	found, err := s.options.Finder.Find(ctx, q)
	if errors.Is(err, ErrBadPlace) {
		return Page{}, newProblem(http.StatusBadRequest, err.Error())
	}
	if err != nil {
		return Page{}, err
	}
	page := Page{Items: make([]Document, 0, len(found.IDs)), Next: found.Next, Total: found.Total}
	return page, s.options.Store.View(func(v *store.Snapshot) error {
		for _, id := range found.IDs {
			e, err := v.Entry(store.Ref{Kind: entryKind, ID: id})
			switch {
			case errors.Is(err, store.ErrNotFound), err == nil && e.Hidden():
				continue // it went just now
			case err != nil:
				return err
			}
			page.Items = append(page.Items, entryDocument(&e))
		}
		return nil
	})
}

// narrows tells whether the list is asked for by what only the store knows.
func (in *listInput) narrows() bool {
	return in.Connector+in.Method+in.Upstream+in.Group+in.State != ""
}

// wants tells whether an entry has what the list is asked for, apart from the text.
func (in *listInput) wants(e *store.Entry) bool {
	user := e.Kind == store.KindUser
	switch {
	case in.Phonebook != "" && e.Phonebook != in.Phonebook,
		in.Connector != "" && e.Owner != in.Connector,
		in.Method != "" && (!user || e.Auth.Method.String() != in.Method),
		in.Upstream != "" && e.Auth.Upstream != in.Upstream,
		in.Group != "" && !inGroup(e, in.Group):
		return false
	}
	switch in.State {
	case "enabled":
		return user && !e.Auth.Disabled
	case "disabled":
		return user && e.Auth.Disabled
	case "changed":
		return e.Local != 0 || e.LocalAuth
	}
	return true
}

// inGroup tells whether a user is in a group, by its name or the first value of its DN.
func inGroup(e *store.Entry, group string) bool {
	for _, g := range e.Values.All(store.Groups) {
		rdn, _, _ := strings.Cut(g, ",")
		_, name, isDN := strings.Cut(rdn, "=")
		if strings.EqualFold(g, group) || isDN && strings.EqualFold(name, group) {
			return true
		}
	}
	return false
}

// only returns the entries that have what only the store knows.
func (s *Server) only(ctx context.Context, kind store.Kind, in *listInput) (map[string]bool, error) {
	ids := make(map[string]bool)
	return ids, s.eachEntry(ctx, kind, in, func(e *store.Entry) {
		if !e.Hidden() && in.wants(e) {
			ids[e.ID] = true
		}
	})
}

// eachEntry goes through the entries that a list may hold.
func (s *Server) eachEntry(ctx context.Context, kind store.Kind, in *listInput, f func(*store.Entry)) error {
	q := store.Query{Kind: kind, Owner: in.Connector}
	if q.Owner == "" {
		q.Phonebook = in.Phonebook
	}
	for e, err := range s.options.Store.Entries(ctx, q) {
		if err != nil {
			return err
		}
		f(&e)
	}
	return nil
}

// A listed document has its place in a list that is made here.
type listed struct {
	key      string // what it is ordered by, ended by what is unique
	document Document
}

// listHidden lists what connectors keep hidden, which the directory does not have.
func (s *Server) listHidden(ctx context.Context, kind store.Kind, in *listInput) (Page, error) {
	var all []listed
	words := strings.Fields(strings.ToLower(in.Query))
	err := s.eachEntry(ctx, kind, in, func(e *store.Entry) {
		if e.Hidden() && in.wants(e) && hasWords(e, words) {
			name := e.Values.First(store.DisplayName)
			if kind == store.KindUser {
				name = e.Values.First(store.Username)
			}
			all = append(all, listed{strings.ToLower(name) + "\x00" + e.ID, entryDocument(e)})
		}
	})
	if err != nil {
		return Page{}, err
	}
	return cutPage(all, in)
}

// hasWords tells whether each word is in some value.
func hasWords(e *store.Entry, words []string) bool {
	for _, w := range words {
		if !slices.ContainsFunc(e.Values, func(v store.Value) bool {
			return v.Field != store.Photo && strings.Contains(strings.ToLower(v.Text), w)
		}) {
			return false
		}
	}
	return true
}

// listObjects lists objects. What entries alone have selects none of them.
func (s *Server) listObjects(kind store.ObjectKind, in *listInput) (Page, error) {
	objects, err := s.options.Store.Objects(kind)
	if err != nil {
		return Page{}, err
	}
	var all []listed
	for _, o := range objects {
		document, err := s.shownDocument(o)
		if err != nil {
			return Page{}, err
		}
		if in.Phonebook == "" && !in.narrows() && documentHasWords(document, in.Query) {
			all = append(all, listed{o.ObjectName(), document})
		}
	}
	return cutPage(all, in)
}

// documentHasWords tells whether each word is somewhere in an object: a name, an address, a path.
func documentHasWords(d Document, query string) bool {
	text := strings.ToLower(string(d))
	for _, w := range strings.Fields(strings.ToLower(query)) {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// cutPage orders a list and cuts a page out of it.
func cutPage(all []listed, in *listInput) (Page, error) {
	after, err := base64.RawURLEncoding.DecodeString(in.After)
	if err != nil {
		return Page{}, newProblem(http.StatusBadRequest, ErrBadPlace.Error())
	}
	slices.SortFunc(all, func(a, b listed) int { return strings.Compare(a.key, b.key) })
	page := Page{Items: []Document{}, Total: len(all)}
	last := ""
	for _, l := range all {
		switch {
		case in.After != "" && l.key <= string(after):
			continue
		case len(page.Items) == in.Limit:
			page.Next = base64.RawURLEncoding.EncodeToString([]byte(last))
			return page, nil
		}
		page.Items, last = append(page.Items, l.document), l.key
	}
	return page, nil
}
