package directory_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/authproxy/directory"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

var (
	someGiven   = []string{"Anna", "Jürgen", "José", "Siobhán", "Zoë", "Иван", "Γεώργιος", "小龍", "İbrahim", "Łukasz", "Max", "max", "  Ann  Kathrin ", "Bjørn", "O’Neil"}
	someSurname = []string{"Müller", "Mueller", "Muller", "Schmidt", "van der Berg", "Große", "Muñoz", "Петров", "李", "Yılmaz", "O'Brien", "Ångström", "Zz", "zzz", "Schäfer-Öz", ""}
	someFirm    = []string{"", "", "Müller & Söhne GmbH", "Example, Inc.", "Straßenbau AG", "Hotel 5* Adlon", "IT\\Ops", "Ørsted", "Acme (Berlin) GmbH"}
	someNumbers = []string{"", "", "201", "*97", "0", "110", "+49 30 %d", "+49 (0)30 %d", "030/%d", "0049 30-%d", "(030) %d", "49301%d", "+353 1 %d", "00353 1 %d", "+49 030 %d", "tel:+49.30.%d", "0800FLOWERS", "#31#%d", "+", "01%d", "%d"}
)

func pick(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }

func someNumber(r *rand.Rand) string {
	if n := pick(r, someNumbers); strings.Contains(n, "%d") {
		return fmt.Sprintf(n, r.IntN(30))
	} else {
		return n
	}
}

func someContact(r *rand.Rand) store.Entry {
	given, surname := pick(r, someGiven), pick(r, someSurname)
	e := contact("displayname", strings.TrimSuffix(given+" "+surname, " "), "givenname", given, "surname", surname, "organisation", pick(r, someFirm),
		"email", fmt.Sprintf("x%d@example.com", r.IntN(9)), "phone", someNumber(r), "mobile", someNumber(r), "homephone", someNumber(r), "fax", someNumber(r))
	if e.Values.Has(store.Phone) && r.IntN(3) == 0 {
		e.Values = e.Values.With(store.Phone, e.Values.First(store.Phone), "0711 4455")
	}
	return e
}

var someAttributes = []string{"cn", "sn", "givenName", "o", "mail", "telephoneNumber", "mobile", "homePhone", "fax", "displayName", "name", "ipPhone", "gn", "2.5.4.3", "title", "nonsense", "objectClass"}

// someFilter makes a filter that is likely to find something: its assertions are
// cut from entries.
func someFilter(r *rand.Rand, entries []store.Entry, depth int) ldapwire.Filter {
	if depth > 0 && r.IntN(3) > 0 {
		f := ldapwire.Filter{Kind: ldapwire.FilterKind(r.IntN(3))}
		n := 1
		if f.Kind != ldapwire.FilterNot {
			n = r.IntN(4)
		}
		for range n {
			f.Children = append(f.Children, someFilter(r, entries, depth-1))
		}
		return f
	}
	attribute := pick(r, someAttributes)
	f := ldapwire.Filter{Attribute: []byte(attribute), Value: someAssertion(r, entries, attribute)}
	switch f.Kind = ldapwire.FilterKind(3 + r.IntN(6)); f.Kind {
	case ldapwire.FilterSubstrings:
		cutParts(r, &f)
	case ldapwire.FilterPresent:
		f.Value = nil
	}
	return f
}

func someAssertion(r *rand.Rand, entries []store.Entry, attribute string) []byte {
	if attribute == "objectClass" {
		return []byte(pick(r, []string{"person", "inetOrgPerson", "PERSON", "device"}))
	}
	if r.IntN(12) == 0 {
		return []byte(pick(r, []string{"zz", "a", "+", "00", "0", "4930", "493012", "Muller", "mueller", "x y", "004930", "0301", "()", "+49(0)30", "9"}))
	}
	e := &entries[r.IntN(len(entries))]
	v := e.Values[r.IntN(len(e.Values))]
	if f, ok := store.FieldByAttribute(attribute); ok && e.Values.Has(f.ID) {
		v = store.Value{Field: f.ID, Text: e.Values.First(f.ID)}
	}
	switch r.IntN(4) {
	case 0:
		return []byte(strings.ToUpper(v.Text))
	case 1:
		return []byte(bare(fold(v.Text)))
	}
	return []byte(v.Text)
}

// cutParts makes the parts of a substrings assertion from its value.
func cutParts(r *rand.Rand, f *ldapwire.Filter) {
	text := []rune(string(f.Value))
	f.Value = nil
	cut := func() []byte {
		if len(text) == 0 {
			return nil
		}
		n := 1 + r.IntN(min(len(text), 6))
		part := []byte(string(text[:n]))
		text = text[n:]
		if skip := r.IntN(3); skip < len(text) {
			text = text[skip:]
		}
		return part
	}
	if r.IntN(2) == 0 {
		f.Initial = cut()
	} else if len(text) > 1 {
		text = text[1:]
	}
	for range r.IntN(3) {
		if part := cut(); part != nil {
			f.Any = append(f.Any, part)
		}
	}
	switch {
	case r.IntN(2) == 0 && len(text) > 0:
		f.Final = []byte(string(text[max(0, len(text)-1-r.IntN(6)):]))
	case f.Initial == nil && f.Any == nil:
		f.Any = [][]byte{[]byte("a")}
	}
}

var firstSeed = flag.Uint64("seed", 0, "the first of six seeds of random entries and filters")

// TestIndexesAgreeWithTheOracle compares what searches find by their indexes with
// what the oracle says of each entry, on random entries and filters, after each of
// many changes.
func TestIndexesAgreeWithTheOracle(t *testing.T) {
	filters := 80
	if testing.Short() {
		filters = 60
	}
	for seed := *firstSeed; seed < *firstSeed+6; seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 1))
			fill := &store.Changes{}
			for range []int{40, 300, 900}[seed%3] {
				fill.Put = append(fill.Put, someContact(r))
			}
			b := newBench(t, fill)
			for range 4 {
				b.agree(r, filters)
				b.change(r)
			}
		})
	}
}

// change puts, replaces and removes some contacts.
func (b *bench) change(r *rand.Rand) {
	b.t.Helper()
	c := &store.Changes{}
	for _, e := range b.contacts() {
		switch r.IntN(12) {
		case 0:
			c.Remove = append(c.Remove, e.Ref())
		case 1:
			fresh := someContact(r)
			fresh.ID = e.ID
			c.Put = append(c.Put, fresh)
		}
	}
	for range r.IntN(20) {
		c.Put = append(c.Put, someContact(r))
	}
	b.apply(c)
	b.caughtUp()
}

func (b *bench) contacts() []store.Entry {
	b.t.Helper()
	var all []store.Entry
	for e, err := range b.store.Entries(b.t.Context(), store.Query{Kind: store.KindContact}) {
		if err != nil {
			b.t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func (b *bench) agree(r *rand.Rand, filters int) {
	b.t.Helper()
	entries := b.contacts()
	o := oracle{country: "49", trunk: "0", international: "00"}
	found := 0
	for range filters {
		f := someFilter(r, entries, 2)
		got := b.searchFor(&f, directory.Query{Attributes: [][]byte{[]byte("1.1")}}).ids()
		judge := o.compile(&f)
		var want []string
		for i := range entries {
			if judge(&entries[i]) == yes {
				want = append(want, entries[i].ID)
			}
		}
		found += len(want)
		if !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
			b.explain(&f, entries, got, want)
		}
	}
	if found < filters {
		b.t.Errorf("%d filters found %d entries in all: they are no test", filters, found)
	}
}

// explain reports a disagreement by its entries.
func (b *bench) explain(f *ldapwire.Filter, entries []store.Entry, got, want []string) {
	b.t.Helper()
	b.t.Errorf("%s: found %d, want %d", f, len(got), len(want))
	shown := 0
	for _, e := range entries {
		if in, should := slices.Contains(got, e.ID), slices.Contains(want, e.ID); in != should && shown < 3 {
			shown++
			b.t.Logf("found %t, want %t: %+q", in, should, e.Values)
		}
	}
}
