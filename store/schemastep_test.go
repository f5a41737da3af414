//go:build schemastep

package store

import (
	"errors"
	"testing"

	"go.etcd.io/bbolt"
)

// A member's content stays at the version before until Upgrade, which takes all nodes along, with the bucket that is empty.
func TestUpgradeOfMembers(t *testing.T) {
	a := openTest(t)
	seed(t, a)
	l := begin(t, a)
	dir := a.Dir()
	err := errors.Join(a.db.Update(func(tx *bbolt.Tx) error {
		return errors.Join(tx.DeleteBucket(bucketNext), putMetaNumber(tx, metaSchema, schemaVersion-1))
	}), a.Close())
	if err != nil {
		t.Fatal(err)
	}
	a = openDir(t, dir)
	a.Share(&logCommitter{l, a})
	if a.Schema() != schemaVersion-1 {
		t.Fatalf("it has %d", a.Schema())
	}
	b := l.join(t, a, t.TempDir())
	if b.Schema() != schemaVersion-1 {
		t.Fatalf("who joins has %d", b.Schema())
	}
	apply(t, b, Changes{Put: []Entry{user("alice")}})
	if err := a.Upgrade(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(a.Upgrade(t.Context()), l.catchUp(t.Context(), b)); err != nil {
		t.Fatal(err)
	}
	sameContent(t, a, b)
	for _, s := range []*Store{a, b} {
		err := s.View(func(v *Snapshot) error {
			if v.tx.Bucket(bucketNext) == nil {
				t.Error("the bucket is missing")
			}
			return nil
		})
		if err != nil || s.Schema() != schemaVersion {
			t.Errorf("%d, %v", s.Schema(), err)
		}
	}
	// Two steps behind is too far.
	dir = b.Dir()
	if err := errors.Join(b.db.Update(func(tx *bbolt.Tx) error { return putMetaNumber(tx, metaSchema, schemaVersion-2) }), b.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{Dir: dir}); err == nil {
		t.Error("it opens")
	} else {
		t.Log(err)
	}
}
