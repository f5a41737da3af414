package store

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestApplyRefuses(t *testing.T) {
	with := func(e Entry, change func(*Entry)) Entry { change(&e); return e }
	long := strings.Repeat("x", maxValue+1)
	tests := []struct {
		name    string
		changes Changes
		want    string // part of the error
	}{
		{"unknown kind", Changes{Put: []Entry{{Kind: 9}}}, "9 is not a kind of entry"},
		{"no user name", Changes{Put: []Entry{{Kind: KindUser, Values: Values{{DisplayName, "A"}}}}}, "username: is missing"},
		{"no display name", Changes{Put: []Entry{{Kind: KindUser, Values: Values{{Username, "a"}}}}}, "displayname: is missing"},
		{"no target", Changes{Put: []Entry{{Kind: KindSpeedDial, Values: Values{{DisplayName, "A"}, {ShortCode, "1"}}}}}, "phone: is missing"},
		{"field of another kind", Changes{Put: []Entry{with(contact("A"), func(e *Entry) { e.Values = e.Values.With(ShortCode, "1") })}}, "shortcode: is not a field of a contact"},
		{"unknown field", Changes{Put: []Entry{with(contact("A"), func(e *Entry) { e.Values = e.Values.With(63, "1") })}}, "is not a field"},
		{"password as a value", Changes{Put: []Entry{with(user("a"), func(e *Entry) { e.Values = e.Values.With(Password, "1") })}}, "password: is never stored"},
		{"two values of a single field", Changes{Put: []Entry{with(user("a"), func(e *Entry) { e.Values = e.Values.With(Job, "1", "2") })}}, "job: holds one value only"},
		{"too many values", Changes{Put: []Entry{with(user("a"), func(e *Entry) { e.Values = e.Values.With(Phone, make([]string, 101)...) })}}, "more than 100 values"},
		{"empty value", Changes{Put: []Entry{with(user("a"), func(e *Entry) { e.Values = e.Values.With(Phone, "") })}}, "phone: is empty"},
		{"long value", Changes{Put: []Entry{with(user("a"), func(e *Entry) { e.Values = e.Values.With(Notes, long) })}}, "longer than 65536 bytes"},
		{"long photo", Changes{Put: []Entry{with(user("a"), func(e *Entry) { e.Values = e.Values.With(Photo, strings.Repeat("x", maxPhoto+1)) })}}, "longer than 1048576 bytes"},
		{"control character", Changes{Put: []Entry{with(user("a"), func(e *Entry) { e.Values = e.Values.With(Job, "a\x00") })}}, "job: holds a control character"},
		{"line break in a name", Changes{Put: []Entry{with(user("a"), func(e *Entry) { e.Values = e.Values.With(DisplayName, "a\nb") })}}, "displayname: holds a control"},
		{"not UTF-8", Changes{Put: []Entry{with(user("a"), func(e *Entry) { e.Values = e.Values.With(Job, "\xff") })}}, "job: is not UTF-8"},
		{"blank user name", Changes{Put: []Entry{user(" \u00a0 ")}}, "username: is blank"},
		{"blank short code", Changes{Put: []Entry{speedDial("-/ ")}}, "shortcode: holds nothing to dial"},
		{"contact without phonebook", Changes{Put: []Entry{with(contact("A"), func(e *Entry) { e.Phonebook = "" })}}, "must be in a phonebook"},
		{"unknown phonebook", Changes{Put: []Entry{with(contact("A"), func(e *Entry) { e.Phonebook = "nowhere" })}}, "phonebook nowhere does not exist"},
		{"user in a phonebook", Changes{Put: []Entry{with(user("a"), func(e *Entry) { e.Phonebook = "customers" })}}, "only contacts"},
		{"unknown upstream", Changes{Put: []Entry{with(user("a"), func(e *Entry) { e.Auth = Auth{Method: AuthUpstream, Upstream: "x"} })}}, "upstream x does not exist"},
		{"no upstream", Changes{Put: []Entry{with(user("a"), func(e *Entry) { e.Auth = Auth{Method: AuthUpstream} })}}, "needs the name"},
		{"upstream of an internal user", Changes{Put: []Entry{with(user("a"), func(e *Entry) { e.Auth = Auth{Method: AuthInternal, Upstream: "corp"} })}}, "takes no upstream"},
		{"hash by reference", Changes{Put: []Entry{with(user("a"), func(e *Entry) { e.Auth = Auth{Method: AuthInternal, Hash: FromEnv("X")} })}}, "must be given as such"},
		{"login of a contact", Changes{Put: []Entry{with(contact("A"), func(e *Entry) { e.Auth.Disabled = true })}}, "only users log in"},
		{"unknown connector", Changes{Put: []Entry{owned(user("a"), "nobody", "1")}}, "connector nobody does not exist"},
		{"owner without key", Changes{Put: []Entry{owned(user("a"), "staff", "")}}, "has no key"},
		{"key without owner", Changes{Put: []Entry{owned(user("a"), "", "1")}}, "no connector"},
		{"bad local field", Changes{Put: []Entry{with(contact("A"), func(e *Entry) { e.Local = e.Local.With(Username) })}}, "cannot be local"},
		{"bad ID", Changes{Put: []Entry{with(user("a"), func(e *Entry) { e.ID = "zz" })}}, `"zz" is not the ID of a user`},
		{"ID of another kind", Changes{Put: []Entry{with(user("a"), func(e *Entry) { e.ID = randomID(KindContact).String() })}}, "is not the ID of a user"},
		{"the same key twice", Changes{Put: []Entry{owned(user("a"), "staff", "1"), owned(user("b"), "staff", "1")}}, `key "1" of user "b"`},
		{"the same name twice", Changes{Put: []Entry{user("STRASSE"), user("straße")}}, `username "strasse" of user "straße"`},
		{"a name that is taken", Changes{Put: []Entry{owned(user("Taken"), "staff", "1")}}, `already belongs to user "taken" (made by hand, ID `},
		{"a short code that is taken", Changes{Put: []Entry{speedDial("9-9")}}, `shortcode "99"`},
		{"removal of nothing", Changes{Remove: []Ref{{KindUser, randomID(KindUser).String()}}}, "does not exist"},
		{"removal of nonsense", Changes{Remove: []Ref{{KindUser, "alice"}}}, "user alice does not exist"},
		{"bad object", Changes{PutObjects: []Object{&Phonebook{Name: "A B"}}}, "phonebook A B: name:"},
		{"object twice", Changes{PutObjects: []Object{&Phonebook{Name: "a"}, &Phonebook{Name: "a"}}}, "given twice"},
		{"object put and removed", Changes{PutObjects: []Object{&Phonebook{Name: "a"}}, RemoveObjects: []ObjectRef{{ObjectPhonebook, "a"}}}, "both put and removed"},
		{"removal of no object", Changes{RemoveObjects: []ObjectRef{{ObjectDevice, "x"}}}, "device x does not exist"},
		{"phonebook with contacts", Changes{RemoveObjects: []ObjectRef{{ObjectPhonebook, "customers"}}}, "in use by 1 contact"},
		{"upstream of users", Changes{RemoveObjects: []ObjectRef{{ObjectUpstream, "corp"}}, Force: true}, "in use by 1 user"},
		{"connector with entries", Changes{RemoveObjects: []ObjectRef{{ObjectConnector, "other"}}}, "in use by 1 entry that it created"},
		{"connector to no phonebook", Changes{PutObjects: []Object{&Connector{Name: "c", Template: "csv-phonebook", Target: "phonebook/none", Source: connector("c").Source}}}, "connector c: target: phonebook none does not exist"},
		{"masked secret of nothing", Changes{PutObjects: []Object{&Device{Name: "d", Password: Literal(mask)}}}, "password: there is no stored secret"},
		{"run of no connector", Changes{Run: &Run{Connector: "none"}}, "connector none does not exist"},
		{"run out of order", Changes{Run: &Run{Connector: "staff", ID: "staff-0"}}, "not an ID of the next run"},
	}
	s := openTest(t)
	seed(t, s)
	forwarded := owned(user("forwarded"), "other", "1")
	forwarded.Auth = Auth{Method: AuthUpstream, Upstream: "corp"}
	apply(t, s, Changes{Put: []Entry{user("taken"), speedDial("99"), contact("Bob"), forwarded}})
	seq, counts := s.Seq(), s.Counts()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			// A good entry beside the bad one must not stay behind.
			test.changes.Put = append(slices.Clone(test.changes.Put), user("innocent"))
			_, err := s.Apply(context.Background(), &test.changes)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want an error with %q", err, test.want)
			}
			if _, ok, _ := s.Account("innocent"); ok || s.Seq() != seq || !s.Counts().equal(counts) {
				t.Fatal("something was changed")
			}
		})
	}
}

func TestConflictNamesBoth(t *testing.T) {
	s := openTest(t)
	seed(t, s)
	first := apply(t, s, Changes{Put: []Entry{owned(user("alice"), "staff", "k1")}})
	_, err := s.Apply(context.Background(), &Changes{Put: []Entry{user("bob"), owned(user("ALICE"), "other", "k2")}})
	var conflict *ConflictError
	if !errors.As(err, &conflict) || !errors.Is(err, ErrConflict) {
		t.Fatalf("got %v", err)
	}
	if conflict.Index != 1 || conflict.Field != "username" || conflict.Value != "alice" ||
		conflict.Entry.Owner != "other" || conflict.Other.Owner != "staff" || conflict.Other.ID != first.IDs[0] {
		t.Fatalf("got %+v", conflict)
	}
}

func TestPutReplacesAndKeeps(t *testing.T) {
	s := openTest(t)
	seed(t, s)
	first := apply(t, s, Changes{Put: []Entry{user("alice"), user("bob")}})
	alice, err := s.User("alice")
	if err != nil {
		t.Fatal(err)
	}
	changed := alice
	changed.Values = alice.Values.With(Job, "Engineer")
	second := apply(t, s, Changes{Put: []Entry{changed}})
	got, err := s.Entry(alice.Ref())
	if err != nil {
		t.Fatal(err)
	}
	if !got.Created.Equal(alice.Created) || !got.Modified.After(alice.Modified) || got.Seq != second.Seq || got.Values.First(Job) != "Engineer" {
		t.Errorf("got %+v", got)
	}
	if second.Effects[0] != Updated || first.Effects[0] != Created {
		t.Errorf("effects %v, %v", first.Effects, second.Effects)
	}
	third := apply(t, s, Changes{Put: []Entry{got}})
	if third.Effects[0] != Unchanged || third.Seq != second.Seq || s.Seq() != second.Seq {
		t.Errorf("an unchanged put was a change: %+v", third)
	}
}

func TestSwapNames(t *testing.T) {
	s := openTest(t)
	ids := apply(t, s, Changes{Put: []Entry{user("alice"), user("bob")}}).IDs
	a, b := user("bob"), user("alice")
	a.ID, b.ID = ids[0], ids[1]
	apply(t, s, Changes{Put: []Entry{a, b}})
	if got, _, _ := s.Account("bob"); got.ID != ids[0] {
		t.Errorf("bob is %s, want %s", got.ID, ids[0])
	}
}

func TestOwnedIDsLast(t *testing.T) {
	s := openTest(t)
	seed(t, s)
	entry := owned(user("alice"), "staff", "objectGUID-1")
	created := apply(t, s, Changes{Put: []Entry{entry}}).IDs[0]
	apply(t, s, Changes{Remove: []Ref{{KindUser, created}}})
	if again := apply(t, s, Changes{Put: []Entry{entry}}).IDs[0]; again != created {
		t.Errorf("came back as %s, was %s", again, created)
	}
	entry.Values = entry.Values.With(Job, "Boss")
	replaced := apply(t, s, Changes{Remove: []Ref{{KindUser, created}}, Put: []Entry{entry}})
	if replaced.IDs[0] != created || replaced.Effects[0] != Updated {
		t.Errorf("removed and put at once: %+v, want an update of %s", replaced, created)
	}
	uuid := s.EntryUUID(created)
	if len(uuid) != 36 || uuid[14] != '5' || uuid == s.EntryUUID(randomID(KindUser).String()) {
		t.Errorf("UUID %s", uuid)
	}
}

func TestIDCollision(t *testing.T) {
	s := openTest(t)
	seed(t, s)
	squatter := user("squatter")
	squatter.ID = ownedID(KindUser, "staff", "k", 0).String()
	other := user("other")
	other.ID = ownedID(KindUser, "staff", "k", 1).String()
	apply(t, s, Changes{Put: []Entry{squatter, other}})
	got := apply(t, s, Changes{Put: []Entry{owned(user("alice"), "staff", "k")}}).IDs[0]
	if want := ownedID(KindUser, "staff", "k", 2).String(); got != want {
		t.Errorf("got %s, want the next free %s", got, want)
	}
	_, err := s.Apply(context.Background(), &Changes{Put: []Entry{owned(user("alice2"), "staff", "k")}})
	var conflict *ConflictError
	if !errors.As(err, &conflict) || conflict.Field != "key" {
		t.Errorf("the same record again: %v", err)
	}
}

func TestExpect(t *testing.T) {
	s := openTest(t)
	id := apply(t, s, Changes{Put: []Entry{user("alice")}}).IDs[0]
	ref := Ref{KindUser, id}
	tests := []struct {
		name string
		seq  uint64
		ref  Ref
		ok   bool
	}{
		{"as it was", 1, ref, true},
		{"changed since", 7, ref, false},
		{"must not exist but does", 0, ref, false},
		{"must not exist and does not", 0, Ref{KindUser, randomID(KindUser).String()}, true},
		{"removed since", 1, Ref{KindUser, randomID(KindUser).String()}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := s.Apply(context.Background(), &Changes{Expect: []Expectation{{test.ref, test.seq}}})
			var changed *ChangedError
			if ok := err == nil; ok != test.ok || !ok && (!errors.As(err, &changed) || !errors.Is(err, ErrConflict)) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestForce(t *testing.T) {
	s := openTest(t)
	seed(t, s)
	bob := owned(contact("Bob"), "staff", "b")
	gone := owned(user("dave"), "staff", "d")
	gone.Removed = time.Unix(1_700_000_000, 0)
	apply(t, s, Changes{Put: []Entry{owned(user("alice"), "staff", "a"), bob, gone, contact("Carol")}, Run: &Run{Connector: "staff"}, Undo: true})
	apply(t, s, Changes{RemoveObjects: []ObjectRef{{ObjectConnector, "staff"}}, Force: true})
	alice, err := s.User("alice")
	if err != nil || alice.Owner != "" || alice.Key != "" {
		t.Errorf("alice is %+v, %v", alice, err)
	}
	if _, err := s.User("dave"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a hidden entry stays without its connector: %v", err)
	}
	if _, err := s.Run("staff-1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("the run is still there: %v", err)
	}
	apply(t, s, Changes{RemoveObjects: []ObjectRef{{ObjectPhonebook, "customers"}}, Force: true})
	if c := s.Counts(); c.Contacts != 0 || c.Users != 1 {
		t.Errorf("counts %+v", c)
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	s := openTest(t)
	got := apply(t, s, Changes{Put: []Entry{user("alice")}, PutObjects: []Object{&Phonebook{Name: "p"}}, DryRun: true})
	if got.Effects[0] != Created || got.Objects[0] != Created || s.Seq() != 0 || s.Counts().Users != 0 {
		t.Errorf("got %+v, seq %d", got, s.Seq())
	}
}

func TestApplyDoesNotChangeItsInput(t *testing.T) {
	s := openTest(t)
	e := user("alice")
	slices.Reverse(e.Values)
	before := slices.Clone(e.Values)
	changes := Changes{Put: []Entry{e}}
	apply(t, s, changes)
	if changes.Put[0].ID != "" || !slices.Equal(changes.Put[0].Values, before) {
		t.Errorf("got %+v", changes.Put[0])
	}
}

func TestApplyHonoursTheContext(t *testing.T) {
	s := openTest(t)
	ctx, cancel := context.WithCancel(context.Background())
	if err := s.lock(ctx); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { _, err := s.Apply(ctx, &Changes{Put: []Entry{user("a")}}); done <- err }()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	s.unlock()
}

func TestMaskedHashKeepsTheStoredOne(t *testing.T) {
	s := openTest(t)
	e := user("alice")
	e.Auth = Auth{Method: AuthInternal, Hash: Literal("$argon2id$x")}
	e.ID = apply(t, s, Changes{Put: []Entry{e}}).IDs[0]
	e.Auth.Hash = Literal(mask)
	e.Values = e.Values.With(Job, "x")
	apply(t, s, Changes{Put: []Entry{e}})
	a, _, _ := s.Account("alice")
	if hash, err := a.Auth.Hash.Resolve(); hash != "$argon2id$x" || err != nil {
		t.Errorf("got %q, %v", hash, err)
	}
}
