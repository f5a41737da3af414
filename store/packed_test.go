package store

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// packable are entries that differ in all that an entry has.
func packable() []Entry {
	full := owned(user("anna"), "staff", "k\x001")
	full.ID = id{0x40, 1}.String()
	full.Auth = Auth{Method: AuthInternal, DN: "uid=anna", Disabled: true, Hash: Secret{from: secretLiteral, text: "hash"}}
	full.Local, full.LocalAuth = FieldSet(0).With(Job), true
	full.Removed, full.Created, full.Modified, full.Seq = time.Unix(1, 0).UTC(), time.Unix(2, 0).UTC(), time.Unix(3, 0).UTC(), 4
	large := contact("large")
	large.Values = large.Values.With(Photo, strings.Repeat("x", 3*packedPiece))
	return []Entry{full, contact("berta"), large, speedDial("12"), user("carl")}
}

func TestPackedEntriesComeBackAsTheyWere(t *testing.T) {
	var p Packed
	want := packable()
	for i := range want {
		p.Add(&want[i])
	}
	for round := range 2 {
		var got []Entry
		for i, e := range p.All() {
			if i != len(got) {
				t.Errorf("the number of entry %d is %d", len(got), i)
			}
			kept := *e
			kept.Values = slices.Clone(e.Values)
			got = append(got, kept)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("round %d: %d of %d entries came back, or they differ", round, len(got), len(want))
		}
	}
	odd := p.Filter(func(i int) bool { return i%2 == 1 })
	for i, e := range odd.All() {
		if e.Name() != want[2*i+1].Name() {
			t.Errorf("filtered %d: %s", i, e.Name())
		}
	}
	if odd.Len() != len(want)/2 || p.Len() != len(want) {
		t.Errorf("%d of %d are left", odd.Len(), p.Len())
	}
}

func TestPackedIsEmptyWhenDrained(t *testing.T) {
	var p Packed
	entries := packable()
	for i := range entries {
		p.Add(&entries[i])
	}
	n := 0
	for range p.Drain() {
		n++
	}
	if n != len(entries) || p.Len() != 0 {
		t.Errorf("%d came, %d are left", n, p.Len())
	}
	for range p.All() {
		t.Error("there is an entry left")
	}
}

// TestPutEach puts the same entries one at a time that another store gets at once: the records and what Apply says must be the same.
func TestPutEach(t *testing.T) {
	var files [2][]Entry
	var all [2]Applied
	for i := range files {
		s := openTest(t)
		seed(t, s)
		var entries []Entry
		for n := range 50 {
			entries = append(entries, owned(user(fmt.Sprint("user", n)), "staff", fmt.Sprint(n)))
		}
		c := Changes{Put: entries}
		if i == 1 {
			var p Packed
			for n := range entries[1:] {
				p.Add(&entries[1+n])
			}
			c.Put, c.PutEach = entries[:1], func(yield func(*Entry) bool) {
				for _, e := range p.Drain() {
					if !yield(e) {
						return
					}
				}
			}
		}
		all[i] = apply(t, s, c)
		for e, err := range s.Entries(t.Context(), Query{Kind: KindUser}) {
			if err != nil {
				t.Fatal(err)
			}
			e.Created, e.Modified = time.Time{}, time.Time{}
			files[i] = append(files[i], e)
		}
		checkClean(t, s)
	}
	if len(files[0]) != 50 || !reflect.DeepEqual(files[0], files[1]) {
		t.Errorf("the stores differ: %d and %d entries", len(files[0]), len(files[1]))
	}
	if !reflect.DeepEqual(all[0], all[1]) {
		t.Errorf("got %+v and %+v", all[0], all[1])
	}
}
