package directory_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/authproxy/directory"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

// A bench is a directory over a store of its own.
type bench struct {
	t     testing.TB
	store *store.Store
	tree  *directory.Tree
}

// device is a reader of everything that those who bind may read.
var device = &directory.Reader{Device: "reception", DN: "cn=reception,ou=devices,dc=example,dc=com"}

// newBench makes a store with the phonebook customers and the device reception, and
// the directory of what fill adds.
func newBench(t testing.TB, fill *store.Changes) *bench {
	t.Helper()
	b := &bench{t: t}
	var err error
	if b.store, err = store.Open(context.Background(), store.Options{Dir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	b.apply(&store.Changes{PutObjects: []store.Object{
		&store.Phonebook{Name: "customers"},
		&store.Device{Name: "reception", Password: store.Literal("secret")},
	}})
	if fill != nil {
		b.apply(fill)
	}
	if b.tree, err = directory.New(directory.Options{Store: b.store, BaseDN: "dc=example,dc=com"}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	tree := b.tree
	go func() {
		defer close(done)
		if err := tree.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		if problems, err := b.store.Check(context.Background()); err != nil || len(problems) > 0 {
			t.Errorf("check: %v, %v", problems, err)
		}
		b.store.Close()
	})
	return b
}

func (b *bench) apply(c *store.Changes) store.Applied {
	b.t.Helper()
	applied, err := b.store.Apply(context.Background(), c)
	if err != nil {
		b.t.Fatal(err)
	}
	return applied
}

// caughtUp waits until searches see the store as it is.
func (b *bench) caughtUp() {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for b.tree.Seq() != b.store.Seq() {
		if _, err := b.store.Wait(ctx, b.store.Seq()-1); err != nil {
			b.t.Fatal(err)
		}
	}
}

// contact makes a contact from pairs of a field and a text; a text may be empty.
func contact(pairs ...string) store.Entry {
	e := store.Entry{Kind: store.KindContact, Phonebook: "customers"}
	for i := 0; i < len(pairs); i += 2 {
		f, ok := store.FieldByName(pairs[i])
		if !ok {
			panic(pairs[i])
		}
		if pairs[i+1] != "" {
			e.Values = append(e.Values, store.Value{Field: f.ID, Text: pairs[i+1]})
		}
	}
	return e
}

// An answer is what a search sent.
type answer struct {
	directory.Result
	entries []*ldapwire.Message
}

// dns are the names of what was sent.
func (a *answer) dns() []string {
	var dns []string
	for _, m := range a.entries {
		dns = append(dns, string(m.Entry.DN))
	}
	return dns
}

// ids are the values of the RDNs of what was sent.
func (a *answer) ids() []string {
	var ids []string
	for _, dn := range a.dns() {
		rdn, _, _ := strings.Cut(dn, ",")
		_, id, _ := strings.Cut(rdn, "=")
		ids = append(ids, id)
	}
	return ids
}

// search sends a query with what is usual in the place of what it leaves out.
func (b *bench) search(filter string, q directory.Query) *answer {
	b.t.Helper()
	f, err := ldapwire.ParseFilter(filter)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.searchFor(&f, q)
}

func (b *bench) searchFor(f *ldapwire.Filter, q directory.Query) *answer {
	b.t.Helper()
	q.Filter = f
	if q.Base == nil {
		q.Base, q.Scope = []byte("dc=example,dc=com"), ldapwire.ScopeWholeSubtree
	}
	if q.Limit == 0 {
		q.Limit = math.MaxInt
	}
	if q.Reader == nil && !q.Everyone {
		q.Reader = device
	}
	a := &answer{}
	var err error
	a.Result, err = b.tree.Search(context.Background(), &q, func(add directory.Entry) error {
		m := new(ldapwire.Message)
		if err := m.Decode(add(nil, 7), nil); err != nil {
			b.t.Fatalf("what was sent cannot be decoded: %v", err)
		}
		a.entries = append(a.entries, m)
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return a
}

// values are the values of an attribute that was sent.
func values(m *ldapwire.Message, name string) []string {
	var all []string
	for _, a := range m.Entry.Attributes {
		if string(a.Type) == name {
			for _, v := range a.Values {
				all = append(all, string(v))
			}
		}
	}
	return all
}
