package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

func refusal(name string, at time.Time) Refusal {
	return Refusal{First: at, Last: at, Count: 1, Door: "ldap", Name: name, From: "192.0.2.1", Outcome: "unknown_user", Code: 49, Reason: "no user or device has this name"}
}

func refusals(t *testing.T, s *Store, before uint64) []Refusal {
	t.Helper()
	var all []Refusal
	for r, err := range s.Refusals(before) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// Refusals are no change that readers see, and the audit log does not hear of them.
func TestRefusals(t *testing.T) {
	s := openTest(t)
	seed(t, s)
	seq, now := s.Seq(), s.now()
	apply(t, s, Changes{Audit: []AuditRecord{{Action: "signed in"}}})
	apply(t, s, Changes{Refusals: []Refusal{refusal("alice", now), refusal(strings.Repeat("\xbf", 1000), now)}})
	apply(t, s, Changes{Refusals: []Refusal{refusal("bob", now)}})
	got := refusals(t, s, 0)
	if len(got) != 3 || got[0].Name != "bob" || got[0].N != 3 || got[2].Name != "alice" || got[2].Reason == "" || got[1].Name == "" && len(got[1].Name) > maxRefusalText+3 {
		t.Errorf("%+v", got)
	}
	if older := refusals(t, s, 3); len(older) != 2 || older[0].N != 2 {
		t.Errorf("%+v", older)
	}
	if s.Seq() != seq || len(records(t, s, 0)) != 1 {
		t.Errorf("change %d, then %d; %d audit records", seq, s.Seq(), len(records(t, s, 0)))
	}
	if _, err := s.Apply(t.Context(), &Changes{Refusals: got, DryRun: true}); err != nil || len(refusals(t, s, 0)) != 3 {
		t.Error("a dry run records", err)
	}
	path := filepath.Join(t.TempDir(), "backup")
	if _, err := s.Backup(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := Restore(t.Context(), dir, path); err != nil {
		t.Fatal(err)
	}
	if restored := refusals(t, openDir(t, dir), 0); len(restored) != 3 || restored[0].Name != "bob" {
		t.Errorf("restored: %+v", restored)
	}
}

// A flood of refusals drives out older ones, and no record of what was changed.
func TestRefusalsArePruned(t *testing.T) {
	s := openTest(t)
	s.db.NoSync = true
	apply(t, s, Changes{Audit: []AuditRecord{{Action: "the only one"}}})
	many := make([]Refusal, 10_000)
	for i := range many {
		many[i] = refusal("x", s.now())
	}
	for range 6 {
		apply(t, s, Changes{Refusals: many})
	}
	got := refusals(t, s, 0)
	if len(got) != keptRefusals || got[0].N != 60_000 || got[len(got)-1].N != 10_001 {
		t.Errorf("%d refusals, %d to %d", len(got), got[len(got)-1].N, got[0].N)
	}
	if len(records(t, s, 0)) != 1 {
		t.Error("the audit log lost its record")
	}
}

func TestRefusalsAreForgotten(t *testing.T) {
	s := openTest(t)
	now := s.now()
	apply(t, s, Changes{Refusals: []Refusal{refusal("old", now.Add(-keptRefusalsFor-time.Hour)), refusal("young", now.Add(-keptRefusalsFor+time.Hour))}})
	apply(t, s, Changes{Refusals: []Refusal{refusal("new", now)}})
	if got := refusals(t, s, 0); len(got) != 2 || got[1].Name != "young" {
		t.Errorf("%+v", got)
	}
}

// A file of schema version 3 gets what version 4 adds, and keeps what it has.
func TestMigrationFrom3(t *testing.T) {
	dir := t.TempDir()
	s := openDir(t, dir)
	seed(t, s)
	apply(t, s, Changes{By: &Actor{Who: "ada"}, Put: []Entry{user("alice")}})
	seq := s.Seq()
	err := errors.Join(s.db.Update(func(tx *bbolt.Tx) error {
		return errors.Join(tx.DeleteBucket(bucketRefusals), putMetaNumber(tx, metaSchema, 3))
	}), s.Close())
	if err != nil {
		t.Fatal(err)
	}
	s = openDir(t, dir)
	if s.Seq() != seq || len(records(t, s, 0)) != 1 {
		t.Errorf("change %d, then %d; %d audit records", seq, s.Seq(), len(records(t, s, 0)))
	}
	apply(t, s, Changes{Refusals: []Refusal{refusal("x", s.now())}})
	if _, err := os.Stat(filepath.Join(dir, fileName+".schema-3")); err != nil {
		t.Error(err)
	}
}
