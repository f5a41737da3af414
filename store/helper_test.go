package store

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// openTest opens a new store that is checked and closed when the test ends.
func openTest(t testing.TB) *Store {
	t.Helper()
	return openDir(t, t.TempDir())
}

func openDir(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(context.Background(), Options{Dir: dir, LockTimeout: 100 * time.Millisecond, Now: testClock()})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if !t.Failed() {
			checkClean(t, s)
		}
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// testClock returns a clock that advances by a second with each look.
func testClock() func() time.Time {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var looks atomic.Int64
	return func() time.Time { return start.Add(time.Duration(looks.Add(1)) * time.Second) }
}

func checkClean(t testing.TB, s *Store) {
	t.Helper()
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return
	}
	problems, err := s.Check(context.Background())
	if err != nil {
		t.Errorf("Check: %v", err)
	}
	for _, p := range problems {
		t.Errorf("Check: %v", p)
	}
}

func apply(t testing.TB, s *Store, c Changes) Applied {
	t.Helper()
	applied, err := s.Apply(context.Background(), &c)
	if err != nil {
		t.Fatalf("Apply: %v", err)
	}
	return applied
}

// seed puts an upstream, a phonebook and two connectors, to which entries may refer.
func seed(t testing.TB, s *Store) {
	t.Helper()
	apply(t, s, Changes{PutObjects: []Object{
		&Upstream{Name: "corp", URLs: []string{"ldap://127.0.0.1:389"}, BindDN: "uid=%,dc=example"},
		&Phonebook{Name: "customers"},
		connector("staff"), connector("other"),
	}})
}

func connector(name string) *Connector {
	return &Connector{Name: name, Template: "csv-users", Source: Source{CSV: &CSVSource{Path: "/srv/users.csv"}}}
}

func user(name string) Entry {
	return Entry{Kind: KindUser, Values: Values{{Username, name}, {DisplayName, "The " + name}, {Phone, "30000"}}}
}

func owned(e Entry, owner, key string) Entry {
	e.Owner, e.Key = owner, key
	return e
}

func contact(name string) Entry {
	return Entry{Kind: KindContact, Phonebook: "customers", Values: Values{{DisplayName, name}, {Email, name + "@example.com"}}}
}

func speedDial(code string) Entry {
	return Entry{Kind: KindSpeedDial, Values: Values{{DisplayName, "Dial " + code}, {Phone, "+49 30 1"}, {ShortCode, code}}}
}

// users returns n users of the connector staff that log in through corp.
func users(n, generation int) []Entry {
	entries := make([]Entry, n)
	for i := range entries {
		login := fmt.Sprintf("user%06d", i)
		entries[i] = Entry{
			Kind: KindUser, Owner: "staff", Key: login,
			Values: Values{
				{Username, login}, {DisplayName, fmt.Sprintf("User %d of %d", i, generation)},
				{GivenName, "User"}, {Surname, fmt.Sprint(i)},
				{Email, login + "@example.com"}, {Phone, fmt.Sprint(30000 + i)}, {Groups, "staff"},
			},
			Auth: Auth{Method: AuthUpstream, Upstream: "corp"},
		}
	}
	return entries
}
