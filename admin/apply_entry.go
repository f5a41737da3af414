package admin

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dialtree/dialtree/admin/yamldoc"
	"github.com/dialtree/dialtree/store"
)

// entryHead holds the keys of an entry's document that are no fields.
type entryHead struct {
	ID        string        `yaml:"id"`
	Phonebook string        `yaml:"phonebook" example:"customers"`
	Connector string        `yaml:"connector"` // where the entry came from: told, not set
	Removed   string        `yaml:"removed"`   // since when its connector keeps it hidden: told, not set
	Password  store.Secret  `yaml:"password"`
	Auth      *authDocument `yaml:"auth" example:"{method: upstream, upstream: corp}"`
}

// addEntry adds the document of a user, contact or speed dial.
//
// A document describes the whole entry, with two exceptions: a user keeps the login
// method and the password that it has when the document names none, and an entry that
// a connector made keeps the fields that the document leaves out; one that is there
// without a value empties the field. What the document changes of such an entry is
// marked as local, so that a sync leaves it alone. One that
// its connector keeps hidden becomes the administrator's, unless the document knows that
// it is hidden: who makes a user anew expects one that is there.
func (p *plan) addEntry(d *yamldoc.Document, kind Kind, entryKind store.Kind) error {
	before := len(p.problems)
	head := p.decodeHead(d, entryKind)
	values, given := p.decodeValues(d, entryKind)
	if len(p.problems) > before {
		return nil
	}
	old, err := p.existing(d, entryKind, head, values)
	if err != nil {
		return err
	}
	if len(p.problems) > before {
		return nil
	}
	e := store.Entry{Kind: entryKind, ID: head.ID, Phonebook: head.Phonebook, Values: named(values)}
	if old != nil {
		if old.Hidden() && head.Removed == "" {
			old.Owner, old.Key, old.Removed, old.Local, old.LocalAuth = "", "", time.Time{}, 0, false
		}
		e = merge(*old, values, given)
		e.Phonebook = head.Phonebook
	}
	if err := p.setAuth(d, &e, head); err != nil {
		return err
	}
	if old != nil && old.Owner != "" && differs(old.Auth, e.Auth) {
		e.LocalAuth = true
	}
	if err := p.server.mayChangeUser(p.ctx, old, &e); err != nil {
		return err
	}
	name := entryName(&e)
	identity := name
	if entryKind == store.KindContact {
		identity = e.Phonebook + "/" + name
		if head.ID != "" {
			identity = head.ID
		}
	} else if normal, ok := store.NormalizeName(name); ok {
		identity = normal
	}
	if len(p.problems) > before || !p.once(d, kind, identity, keyField(entryKind)) {
		return nil
	}
	p.items = append(p.items, item{document: d, kind: kind, name: name, index: len(p.changes.Put)})
	p.changes.Put = append(p.changes.Put, e)
	if old != nil {
		p.changes.Expect = append(p.changes.Expect, store.Expectation{Ref: store.Ref{Kind: old.Kind, ID: old.ID}, Seq: old.Seq})
	}
	return nil
}

func (p *plan) decodeHead(d *yamldoc.Document, kind store.Kind) entryHead {
	var head entryHead
	p.collect(d.Decode(&head, append(documentFields(kind), "kind")...))
	switch kind {
	case store.KindContact:
		if head.Phonebook == "" {
			p.problem(d, "phonebook", "is missing: name the phonebook that the contact is in, such as `phonebook: customers`")
		}
	default:
		if head.Phonebook != "" {
			p.problem(d, "phonebook", "only contacts are in a phonebook: remove it")
		}
	}
	if kind != store.KindUser {
		if head.Auth != nil {
			p.problem(d, "auth", "only users log in: remove it")
		}
		if !head.Password.IsZero() {
			p.problem(d, "password", "only users and devices have a password: remove it")
		}
	}
	return head
}

// documentFields names the fields that documents of a kind may have.
func documentFields(kind store.Kind) []string {
	var out []string
	for _, f := range store.Fields() {
		if shown(f, kind) {
			out = append(out, f.Name)
		}
	}
	return out
}

// decodeValues reads the fields, and which of them the document has, be it without a value.
// The store checks what is in them.
func (p *plan) decodeValues(d *yamldoc.Document, kind store.Kind) (values store.Values, given store.FieldSet) {
	for _, f := range store.Fields() {
		if !shown(f, kind) || !d.Has(f.Name) {
			continue
		}
		given = given.With(f.ID)
		texts, err := d.Texts(f.Name)
		if err != nil {
			p.problems = append(p.problems, d.Problem(f.Name, err.Error()))
			continue
		}
		if len(texts) > 1 && !f.Many {
			p.problem(d, f.Name, "holds one value: choose one of the list")
			continue
		}
		if f.Matching == store.MatchBytes && len(texts) == 1 {
			raw, err := base64.StdEncoding.DecodeString(texts[0])
			if err != nil {
				p.problem(d, f.Name, "must be the picture in base64")
				continue
			}
			texts[0] = string(raw)
		}
		values = values.With(f.ID, texts...)
	}
	return values, given
}

// named gives an entry without a display name the one that design.md says.
func named(values store.Values) store.Values {
	if values.Has(store.DisplayName) {
		return values
	}
	surname, given := values.First(store.Surname), values.First(store.GivenName)
	candidates := []string{values.First(store.Organisation), values.First(store.Phone), values.First(store.Mobile),
		values.First(store.HomePhone), values.First(store.Fax)}
	switch {
	case surname != "" && given != "":
		return values.With(store.DisplayName, surname+", "+given)
	case surname+given != "":
		return values.With(store.DisplayName, surname+given)
	}
	for _, c := range candidates {
		if c != "" {
			return values.With(store.DisplayName, c)
		}
	}
	return values // the store says that it is missing
}

// existing finds the entry that a document is about; nil when there is none.
func (p *plan) existing(d *yamldoc.Document, kind store.Kind, head entryHead, values store.Values) (*store.Entry, error) {
	st := p.server.options.Store
	var e store.Entry
	var err error
	switch {
	case head.ID != "":
		e, err = st.Entry(store.Ref{Kind: kind, ID: head.ID})
	case kind == store.KindUser:
		e, err = st.User(values.First(store.Username))
	case kind == store.KindSpeedDial:
		e, err = st.SpeedDial(values.First(store.ShortCode))
	case p.newContact:
		return nil, nil
	default:
		return p.contact(d, head.Phonebook, entryName(&store.Entry{Kind: kind, Values: named(values)}))
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return &e, err
}

// contactNames are the contacts of a phonebook by display name.
type contactNames map[string][]string

// contact finds a contact by its display name, which in one phonebook several may have.
func (p *plan) contact(d *yamldoc.Document, phonebook, name string) (*store.Entry, error) {
	byName, read := p.contacts[phonebook]
	if !read {
		byName = contactNames{}
		for e, err := range p.server.options.Store.Entries(p.ctx, store.Query{Kind: store.KindContact, Phonebook: phonebook}) {
			if err != nil {
				return nil, err
			}
			byName[entryName(&e)] = append(byName[entryName(&e)], e.ID)
		}
		p.contacts[phonebook] = byName
	}
	switch ids := byName[name]; len(ids) {
	case 0:
		return nil, nil
	case 1:
		e, err := p.server.options.Store.Entry(store.Ref{Kind: store.KindContact, ID: ids[0]})
		return &e, err
	default:
		p.problem(d, "displayname", fmt.Sprintf("phonebook %s has %d contacts %q: say which with `id: %s`", phonebook, len(ids), name, ids[0]))
		return nil, nil
	}
}

// merge puts the values of the fields that a document has over those of the entry.
func merge(e store.Entry, values store.Values, given store.FieldSet) store.Entry {
	if e.Owner == "" {
		e.Values = named(values)
		return e
	}
	for _, f := range store.Fields() {
		texts := values.All(f.ID)
		if !given.Has(f.ID) || slices.Equal(texts, e.Values.All(f.ID)) {
			continue
		}
		e.Values = e.Values.With(f.ID, texts...)
		e.Local = e.Local.With(f.ID)
	}
	e.Values = named(e.Values)
	return e
}

// entryName is what people call the entry.
func entryName(e *store.Entry) string {
	switch e.Kind {
	case store.KindUser:
		return e.Values.First(store.Username)
	case store.KindSpeedDial:
		return e.Values.First(store.ShortCode)
	}
	return e.Values.First(store.DisplayName)
}

// keyField is the key of a document that says which entry it is about.
func keyField(kind store.Kind) string {
	switch kind {
	case store.KindUser:
		return "username"
	case store.KindSpeedDial:
		return "shortcode"
	}
	return "displayname"
}
