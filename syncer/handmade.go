package syncer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer/source"
	"github.com/dialtree/dialtree/syncer/source/csv"
	"github.com/dialtree/dialtree/syncer/source/file"
	"github.com/dialtree/dialtree/syncer/source/xlsx"
)

// An import by hand takes a file once. Its entries are made by hand, as if somebody had typed them: they belong to no connector,
// nothing is ever removed, and a field that the file has no column for stays as it is. An entry that is there
// is recognised by its login name or short code, a contact by what people tell contacts apart by, as far as the
// file has columns for it. So the same file, or the next edition of it, updates.

// A HandFile is a file to be imported by hand.
type HandFile struct {
	Name    string // for messages
	Content []byte // CSV or xlsx: its beginning tells
	Target  string // users, phonebook/NAME or speeddials
}

// ImportFile imports a file by hand, as a run of store.HandImports, which can be undone. A wrong target is a *store.FieldError with the path "to".
// Other errors mean the same as those of Import.
func (s *Syncer) ImportFile(ctx context.Context, f HandFile, o ImportOptions) (*Report, error) {
	if o.DryRun && o.Confirm {
		return nil, errDryConfirm
	}
	ctx, end, err := s.begin(ctx, store.HandImports, o.By, o.DryRun)
	if err != nil {
		return nil, err
	}
	defer end()
	j, err := s.handJob(&f)
	if err != nil {
		return nil, err
	}
	return s.carryOut(ctx, store.HandImports, o, func() (*job, error) { return j, nil })
}

// handJob is what a connector of the target's template would be, apart from who owns the entries.
func (s *Syncer) handJob(f *HandFile) (*job, error) {
	kind, phonebook, err := store.ParseTarget(f.Target)
	if err != nil {
		return nil, &store.FieldError{Path: "to", Message: fmt.Sprintf("%q is not users, speeddials or phonebook/NAME", f.Target)}
	}
	if phonebook != "" {
		switch _, err := s.store.Object(store.ObjectPhonebook, phonebook); {
		case errors.Is(err, store.ErrNotFound):
			return nil, &store.FieldError{Path: "to", Message: fmt.Sprintf("there is no phonebook %s: create it first, with dialtree apply (kind: phonebook, name: %s)", phonebook, phonebook)}
		case err != nil:
			return nil, err
		}
	}
	t, err := loadTemplate(handTemplate(kind))
	if err != nil {
		return nil, err
	}
	j := &job{
		connector: store.HandImports,
		byHand:    true,
		again:     fmt.Sprintf("dialtree import %s --to %s", f.Name, f.Target),
		kind:      kind,
		phonebook: phonebook,
		key:       t.Key,
		removals:  removalLimit(""),
		rejected:  rejectLimit(""),
	}
	if j.variables, err = t.merge(nil, kind); err != nil {
		return nil, err
	}
	j.source, err = s.handSource(f)
	return j, err
}

func handTemplate(k store.Kind) string {
	switch k {
	case store.KindUser:
		return "csv-users"
	case store.KindSpeedDial:
		return "csv-speeddials"
	}
	return "csv-phonebook"
}

func (s *Syncer) handSource(f *HandFile) (source.Source, error) {
	opener := file.Memory(f.Name, f.Content)
	// A ZIP archive or, of a file with a password and an old .xls, which xlsx explains, an OLE one.
	for _, head := range []string{"PK\x03\x04", "\xD0\xCF\x11\xE0"} {
		if bytes.HasPrefix(f.Content, []byte(head)) {
			return xlsx.New(opener, xlsx.Options{TempDir: s.baseDir}), nil
		}
	}
	return csv.New(opener, csv.Options{Encoding: "auto", Delimiter: "auto"})
}

// readHandMade remembers what was made by hand among what the file may update. It needs the mapping: contacts are compared by
// what the file has columns for.
func (p *plan) readHandMade(ctx context.Context) error {
	if p.job.kind == store.KindContact {
		p.contacts = &handContacts{equal: map[uint64][]*known{}, alike: map[string][]*known{}}
	}
	for e, err := range p.store.Entries(ctx, store.Query{Kind: p.job.kind, Phonebook: p.job.phonebook}) {
		if err != nil {
			return err
		}
		if e.Owner != "" {
			continue
		}
		p.owned++
		k := &known{
			id: e.ID, seq: e.Seq,
			exact:       true, // fields that the file does not have are no difference
			hasPassword: e.Auth.Method != store.AuthNone,
		}
		if p.contacts != nil {
			p.contacts.add(k, p.mapping.derivedKey(p.mapping.filled(e.Values)), p.hash(p.mapping.filled(e.Values), &store.Auth{}))
			continue
		}
		k.key = fold(nameField(p.job.kind), e.Values.First(nameField(p.job.kind)))
		p.known[k.key] = k
	}
	return nil
}

// handContacts are the contacts of a phonebook that were made by hand. Several may be alike: those that the file has just so are
// found first, so that an unchanged file changes nothing.
type handContacts struct {
	equal map[uint64][]*known // by the hash of what a column fills
	alike map[string][]*known // by the derived key of that
}

func (c *handContacts) add(k *known, key string, hash uint64) {
	c.equal[hash] = append(c.equal[hash], k)
	c.alike[key] = append(c.alike[key], k)
}

// handContact returns the contact that a record of the file is; nil for a new one.
func (p *plan) handContact(values store.Values) *known {
	values = p.mapping.filled(values)
	return p.contacts.take(p.mapping.derivedKey(values), p.hash(values, &store.Auth{}))
}

// take returns a contact that no record was found to be yet; nil when there is none.
func (c *handContacts) take(key string, hash uint64) *known {
	if k := unseen(c.equal, hash); k != nil {
		return k
	}
	return unseen(c.alike, key)
}

// unseen returns the first that is not seen, and forgets those before it.
func unseen[K comparable](of map[K][]*known, key K) *known {
	list := of[key]
	for len(list) > 0 && list[0].seen {
		list = list[1:]
	}
	if of[key] = list; len(list) > 0 {
		return list[0]
	}
	return nil
}

// mergeByHand gives an entry what it keeps of the one that it replaces: all that the file does not have.
func (p *plan) mergeByHand(e, old *store.Entry) {
	for _, f := range store.Fields() {
		if !p.mapping.fills(f.ID) && f.UsedBy(p.job.kind) != store.Unused {
			e.Values = e.Values.With(f.ID, old.Values.All(f.ID)...)
		}
	}
	e.ID, e.Created, e.Auth, e.LocalAuth = old.ID, old.Created, old.Auth, old.LocalAuth
	e.Local = old.Local
}

// splitCells takes the values of a field that holds many apart, as dialtree get -o csv joins them.
func splitCells(cells []string) []string {
	if !slices.ContainsFunc(cells, func(c string) bool { return strings.Contains(c, ";") }) {
		return cells
	}
	return strings.Split(strings.Join(cells, ";"), ";")
}

// passwordByHand returns what has to be hashed: a password is for a user who has no way to log in yet.
func (p *plan) passwordByHand(w *wanted, k *known) string {
	switch {
	case k.hasPassword && w.password != "":
		p.ignored++
		return ""
	case !k.hasPassword && w.password == "" && p.job.kind == store.KindUser:
		p.missing++
	}
	return w.password
}

// fills tells whether a column of the source fills the field.
func (m *mapping) fills(f store.FieldID) bool {
	return slices.ContainsFunc(m.fields, func(x mappedField) bool { return x.field.ID == f })
}

// filled returns the values of fields that a column of the source fills.
func (m *mapping) filled(values store.Values) store.Values {
	return slices.DeleteFunc(slices.Clone(values), func(v store.Value) bool { return !m.fills(v.Field) })
}
