package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

func session(id string) Session {
	return Session{ID: id, Hash: bytes.Repeat([]byte{7}, 32), Name: "ada", Role: "admin", Started: time.Unix(1e9, 0).UTC(), Seen: time.Unix(1e9, 0).UTC(), Expires: time.Unix(2e9, 0).UTC()}
}

func TestSessions(t *testing.T) {
	s := openTest(t)
	before := s.Seq()
	apply(t, s, Changes{PutSessions: []Session{session("a"), session("b")}})
	if s.Seq() != before {
		t.Error("sessions alone are no change that readers see")
	}
	seen := time.Unix(1e9+60, 0).UTC()
	apply(t, s, Changes{EndSessions: []string{"a", "unknown"}, SeenSessions: []SessionSeen{{"a", seen}, {"b", seen}, {"b", seen.Add(-time.Second)}}})
	if _, err := s.Session("a"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an ended session came back by being seen: %v", err)
	}
	if got, err := s.Session("b"); err != nil || !got.Seen.Equal(seen) {
		t.Errorf("%+v %v", got, err)
	}
	all, err := s.Sessions()
	if err != nil || len(all) != 1 || all[0].ID != "b" {
		t.Errorf("%+v %v", all, err)
	}
	for name, wrong := range map[string]func(*Session){
		"no ID": func(x *Session) { x.ID = "" }, "no hash": func(x *Session) { x.Hash = nil }, "no end": func(x *Session) { x.Expires = time.Time{} }, "no role": func(x *Session) { x.Role = "" },
	} {
		x := session("x")
		wrong(&x)
		if _, err := s.Apply(t.Context(), &Changes{PutSessions: []Session{x}}); err == nil {
			t.Errorf("%s: it is put", name)
		}
	}
}

func records(t *testing.T, s *Store, before uint64) []AuditRecord {
	t.Helper()
	var all []AuditRecord
	for r, err := range s.Audit(before) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// A change and its record are one: neither is there without the other.
func TestAuditIsPartOfTheChange(t *testing.T) {
	s := openTest(t)
	seed(t, s)
	if len(records(t, s, 0)) != 0 {
		t.Error("changes of nobody are recorded")
	}
	ada := &Actor{"ada", "session", "192.0.2.1:1"}
	applied := apply(t, s, Changes{By: ada, Put: []Entry{user("alice")}, PutObjects: []Object{&Device{Name: "d", Password: Literal("hunter2")}}})
	got := records(t, s, 0)
	if len(got) != 2 || got[0].Kind != "user" || got[0].Name != "alice" || got[1].Kind != "device" || got[1].Change != applied.Seq || got[1].Actor != *ada {
		t.Fatalf("%+v", got)
	}
	if text := fmt.Sprintf("%+v", got); strings.Contains(text, "hunter2") {
		t.Errorf("a secret: %s", text)
	}
	for name, c := range map[string]Changes{
		"a dry run":           {By: ada, Put: []Entry{user("bob")}, DryRun: true},
		"nothing changes":     {By: ada, PutObjects: []Object{&Phonebook{Name: "customers"}}},
		"what is refused":     {By: ada, PutObjects: []Object{&Phonebook{Name: "NO"}}},
		"refused with record": {Audit: []AuditRecord{{Action: "x"}}, Remove: []Ref{{KindUser, "nobody"}}},
	} {
		_, err := s.Apply(t.Context(), &c)
		if n := len(records(t, s, 0)); n != 2 {
			t.Errorf("%s: %d records, %v", name, n, err)
		}
	}
	seq := s.Seq()
	apply(t, s, Changes{Audit: []AuditRecord{{Action: "signed in", Actor: *ada}}})
	got = records(t, s, 0)
	if len(got) != 3 || got[0].Action != "signed in" || got[0].Change != 0 || s.Seq() != seq {
		t.Errorf("%+v", got[0])
	}
	if older := records(t, s, got[0].N); len(older) != 2 || older[0].N != 2 {
		t.Errorf("%+v", older)
	}
	if older := records(t, s, 99); len(older) != 3 {
		t.Errorf("%+v", older)
	}
}

func TestAuditOfManyThings(t *testing.T) {
	s := openTest(t)
	seed(t, s)
	ada := &Actor{Who: "ada"}
	apply(t, s, Changes{By: ada, Put: users(250, 1)})
	got := records(t, s, 0)
	if len(got) != maxAudited || got[0].More != 250-maxAudited || got[1].More != 0 {
		t.Errorf("%d records, the last counts %d more", len(got), got[0].More)
	}
	long := user("long")
	long.Values = long.Values.With(Notes, strings.Repeat("ä", 300))
	apply(t, s, Changes{By: ada, Put: []Entry{long}})
	for _, f := range records(t, s, 0)[0].Fields {
		if len(f.New) > maxAuditValue+3 || strings.ContainsRune(f.New, '\uFFFD') {
			t.Errorf("%s has %d bytes: %q", f.Field, len(f.New), f.New)
		}
	}
}

func TestAuditIsPruned(t *testing.T) {
	s := openTest(t)
	s.db.NoSync = true
	many := make([]AuditRecord, 10_000)
	for range 6 {
		apply(t, s, Changes{Audit: many})
	}
	got := records(t, s, 0)
	if len(got) != keptAudit || got[0].N != 60_000 || got[len(got)-1].N != 10_001 {
		t.Errorf("%d records, %d to %d", len(got), got[len(got)-1].N, got[0].N)
	}
}

// What changed of an entry, by field.
func TestEntryFields(t *testing.T) {
	a, b := user("alice"), user("alice")
	b.Values = b.Values.With(Phone, "1", "2").With(Photo, "\xff\xd8\xff").With(Email)
	b.Auth = Auth{Method: AuthInternal, Hash: Literal("$argon2id$x"), Disabled: true}
	b.LocalAuth, b.Local = true, FieldSet(0).With(Phone)
	var got []string
	for _, f := range entryFields(&a, &b) {
		got = append(got, f.Field+": "+f.Old+" → "+f.New)
	}
	want := []string{"phone: 30000 → 1, 2", "photo:  → (3 bytes)", "auth: none → internal, disabled", "changed by hand:  → phone, auth", "password:  → [secret]"}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

func TestDocumentFields(t *testing.T) {
	got := documentFields([]byte(`{"name":"a","tls":{"ca_file":"x","start_tls":true},"urls":["u"]}`), []byte(`{"name":"a","tls":{"ca_file":"y"},"urls":["u","v"],"n":1}`))
	want := []AuditField{{"n", "", "1"}, {"tls.ca_file", "x", "y"}, {"tls.start_tls", "true", ""}, {"urls", `["u"]`, `["u","v"]`}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

// A file of schema version 2 gets what version 3 adds, and keeps what it has.
func TestMigrationFrom2(t *testing.T) {
	dir := t.TempDir()
	s := openDir(t, dir)
	seed(t, s)
	apply(t, s, Changes{Put: []Entry{user("alice")}})
	seq := s.Seq()
	err := errors.Join(s.db.Update(func(tx *bbolt.Tx) error {
		return errors.Join(tx.DeleteBucket(bucketSessions), tx.DeleteBucket(bucketAudit), tx.DeleteBucket(bucketRefusals), putMetaNumber(tx, metaSchema, 2))
	}), s.Close())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{Dir: dir, ReadOnly: true}); err == nil || !strings.Contains(err.Error(), "older schema version 2") {
		t.Errorf("read only: %v", err)
	}
	s = openDir(t, dir)
	if s.Seq() != seq {
		t.Errorf("change %d, then %d", seq, s.Seq())
	}
	if _, err := s.User("alice"); err != nil {
		t.Error(err)
	}
	apply(t, s, Changes{By: &Actor{Who: "ada"}, Put: []Entry{user("bob")}, PutSessions: []Session{session("a")}})
	if _, err := os.Stat(filepath.Join(dir, fileName+".schema-2")); err != nil {
		t.Error(err)
	}
}

// Those who may sign in and the audit log are part of a backup; those who had signed in are not, for they may have signed out since.
func TestBackupHoldsAccess(t *testing.T) {
	s := openTest(t)
	apply(t, s, Changes{By: &Actor{Who: "ada"}, PutSessions: []Session{session("a")}, PutObjects: []Object{
		&Administrator{Name: "ada", Role: RoleAdmin, Password: Literal("$argon2id$v=19$x")}, &Role{Name: "viewer", Groups: []string{"staff"}},
		&Token{Name: "t", Scopes: []string{"read"}, Expires: "2030-01-31T00:00:00Z", Hash: Literal(strings.Repeat("ab", 32))}}})
	path := filepath.Join(t.TempDir(), "backup")
	if _, err := s.Backup(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := Restore(t.Context(), dir, path); err != nil {
		t.Fatal(err)
	}
	restored := openDir(t, dir)
	if _, err := restored.Session("a"); !errors.Is(err, ErrNotFound) {
		t.Errorf("the session of before: %v", err)
	}
	if n := len(records(t, restored, 0)); n != 3 {
		t.Errorf("%d records", n)
	}
	o, err := restored.Object(ObjectAdministrator, "ada")
	if err != nil {
		t.Fatal(err)
	}
	if hash, err := o.(*Administrator).Password.Resolve(); err != nil || hash != "$argon2id$v=19$x" {
		t.Errorf("%q %v", hash, err)
	}
}

func TestAccessObjects(t *testing.T) {
	token := func(change func(*Token)) *Token {
		x := &Token{Name: "t", Scopes: []string{"read"}, Expires: "2030-01-31T00:00:00Z"}
		change(x)
		return x
	}
	admin := func(change func(*Administrator)) *Administrator {
		x := &Administrator{Name: "a", Role: "admin"}
		change(x)
		return x
	}
	for _, tt := range []struct {
		name         string
		object       Object
		path, reason string
	}{
		{"an administrator", admin(func(*Administrator) {}), "", ""},
		{"with a hash", admin(func(a *Administrator) { a.Password = Literal("$argon2id$x") }), "", ""},
		{"with a kept password", admin(func(a *Administrator) { a.Password = Literal("[secret]") }), "", ""},
		{"a password in the clear", admin(func(a *Administrator) { a.Password = Literal("hunter2") }), "password", "argon2id"},
		{"a password elsewhere", admin(func(a *Administrator) { a.Password = FromEnv("X") }), "password", "in the clear"},
		{"a name", admin(func(a *Administrator) { a.Name = "A B" }), "name", "not a name"},
		{"a role", admin(func(a *Administrator) { a.Role = "root" }), "role", "not a role"},
		{"a token", token(func(*Token) {}), "", ""},
		{"no scope", token(func(x *Token) { x.Scopes = nil }), "scopes", "is missing"},
		{"another scope", token(func(x *Token) { x.Scopes = []string{"read", "x"} }), "scopes[1]", "not a scope"},
		{"no end", token(func(x *Token) { x.Expires = "" }), "expires", "is missing"},
		{"an end that is none", token(func(x *Token) { x.Expires = "soon" }), "expires", "not a time"},
		{"a hash that is none", token(func(x *Token) { x.Hash = Literal("ab") }), "hash", "made by the server"},
		{"a role of all", &Role{Name: "viewer", Users: []string{"Alice"}}, "", ""},
		{"a role that there is not", &Role{Name: "boss"}, "name", "not a role"},
		{"a user that is none", &Role{Name: "viewer", Users: []string{""}}, "users[0]", "cannot be a name"},
	} {
		err := tt.object.Validate()
		var field *FieldError
		if errors.As(err, &field) != (tt.path != "") || field != nil && (field.Path != tt.path || !strings.Contains(field.Message, tt.reason)) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	r := Role{Name: "viewer", Users: []string{"Alice"}, Groups: []string{"Straße"}}
	for _, tt := range []struct {
		login  string
		groups []string
		want   bool
	}{{"alice", nil, true}, {"ALICE", nil, true}, {"bob", []string{"x", "straße"}, true}, {"bob", nil, false}, {"", []string{""}, false}} {
		if got := r.Has(tt.login, tt.groups); got != tt.want {
			t.Errorf("%q of %q: %v", tt.login, tt.groups, got)
		}
	}
}
