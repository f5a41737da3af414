package store

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// makeStore makes a store with a sealed secret and some users, closed.
func makeStore(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	s, err := Open(context.Background(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	seed(t, s)
	apply(t, s, Changes{Put: users(2000, 1), PutObjects: []Object{&Device{Name: "reception", Password: Literal("x")}}})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestOpenRefuses(t *testing.T) {
	db := func(dir string) string { return filepath.Join(dir, fileName) }
	key := func(dir string) string { return filepath.Join(dir, keyFileName) }
	write := func(path, content string) error { return os.WriteFile(path, []byte(content), 0o600) }
	truncate := func(part int64) func(string) error {
		return func(dir string) error {
			return os.Truncate(db(dir), dataSize(t, db(dir))*part/100)
		}
	}
	meta := func(change func(*bbolt.Tx) error) func(string) error {
		return func(dir string) error {
			d, err := bbolt.Open(db(dir), 0o600, nil)
			if err != nil {
				return err
			}
			return errors.Join(d.Update(change), d.Close())
		}
	}
	tests := []struct {
		name  string
		spoil func(dir string) error
		want  any // pointer to the type of the error
		text  []string
	}{
		{"newer schema", meta(func(tx *bbolt.Tx) error { return putMetaNumber(tx, metaSchema, 99) }), new(*NewerSchemaError),
			[]string{fileName, "has schema version 99, but this dialtree knows versions up to " + fmt.Sprint(schemaVersion), "run the dialtree that wrote it"}},
		{"no schema", meta(func(tx *bbolt.Tx) error { return tx.Bucket(bucketMeta).Delete(metaSchema) }), new(*CorruptError), []string{"no schema version"}},
		{"a bucket is missing", meta(func(tx *bbolt.Tx) error { return tx.DeleteBucket(bucketNames) }), new(*CorruptError), []string{"the bucket names is missing"}},
		{"another program's file", meta(func(tx *bbolt.Tx) error { return tx.DeleteBucket(bucketMeta) }), new(*CorruptError), []string{"not a store of Dialtree"}},
		{"no counts", meta(func(tx *bbolt.Tx) error { return tx.Bucket(bucketMeta).Delete(metaCounts) }), new(*CorruptError), []string{"counts"}},
		{"no store ID", meta(func(tx *bbolt.Tx) error { return tx.Bucket(bucketMeta).Delete(metaStoreID) }), new(*CorruptError), []string{"ID is missing"}},
		{"empty file", func(dir string) error { return os.Truncate(db(dir), 0) }, new(*CorruptError), []string{"is damaged (the file is empty)", "restore a backup with dialtree restore"}},
		{"cut off at half", truncate(50), new(*CorruptError), []string{"is damaged", "restore a backup"}},
		{"cut off at 90 %", truncate(90), new(*CorruptError), []string{"is damaged", "restore a backup"}},
		{"cut off within the first page", func(dir string) error { return os.Truncate(db(dir), 1000) }, new(*CorruptError), []string{"is damaged"}},
		{"text", func(dir string) error { return write(db(dir), strings.Repeat("hello ", 10000)) }, new(*CorruptError), []string{"is damaged (invalid database)"}},
		{"zeros", func(dir string) error { return write(db(dir), strings.Repeat("\x00", 100000)) }, new(*CorruptError), []string{"is damaged"}},
		{"a directory", func(dir string) error { return errors.Join(os.Remove(db(dir)), os.Mkdir(db(dir), 0o700)) }, new(*CorruptError), []string{"is a directory"}},
		{"lost key", func(dir string) error { return os.Remove(key(dir)) }, new(*LostKeyError),
			[]string{keyFileName, "is missing: put the right file back", "enter again: password of device reception"}},
		{"foreign key", func(dir string) error {
			return write(key(dir), keyHeader+"\n"+base64.StdEncoding.EncodeToString(make([]byte, 32))+"\n")
		}, new(*LostKeyError), []string{"is not the key that this store was sealed with"}},
		{"spoiled key", func(dir string) error { return write(key(dir), "hello") }, new(*KeyFileError), []string{keyFileName, "does not hold a key"}},
		{"open key", func(dir string) error { return os.Chmod(key(dir), 0o644) }, new(*KeyFileError), []string{"can be read by others (mode 0644): run chmod 600 "}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := makeStore(t)
			if err := test.spoil(dir); err != nil {
				t.Fatal(err)
			}
			before := listDir(t, dir)
			s, err := Open(context.Background(), Options{Dir: dir, LockTimeout: time.Second})
			if err == nil {
				s.Close()
				t.Fatal("opened")
			}
			if !errors.As(err, test.want) {
				t.Errorf("got %T: %v", err, err)
			}
			for _, text := range test.text {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%q does not say %q", err, text)
				}
			}
			if after := listDir(t, dir); !slices.Equal(after, before) {
				t.Errorf("the directory held %v and holds %v", before, after)
			}
			// What refused to open must not stay locked.
			if f, err := lockFile(context.Background(), db(dir), 0); err != nil {
				t.Errorf("the file stays locked: %v", err)
			} else if err := f.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// dataSize returns how much of a file is in use: bbolt makes it longer in advance.
func dataSize(t *testing.T, path string) int64 {
	t.Helper()
	db, _, err := openFile(t.Context(), path, time.Second, true)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := db.Begin(false)
	if err != nil {
		t.Fatal(err)
	}
	size := tx.Size()
	if err := errors.Join(tx.Rollback(), db.Close()); err != nil {
		t.Fatal(err)
	}
	return size
}

func listDir(t *testing.T, dir string) []string {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
	}
	return names
}

func TestOpenUnusableDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// Not by permissions: those do not hold for root, who often runs tests.
	for name, dir := range map[string]string{"below a file": filepath.Join(file, "data"), "a file": file, "not writable": "/proc/self/fdinfo"} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(context.Background(), Options{Dir: dir})
			var unusable *DirError
			if !errors.As(err, &unusable) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "give the user that runs dialtree write access") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestOpenLocked(t *testing.T) {
	s := openTest(t)
	start := time.Now()
	_, err := Open(context.Background(), Options{Dir: s.Dir(), LockTimeout: 100 * time.Millisecond})
	var locked *LockedError
	if !errors.As(err, &locked) || !strings.Contains(err.Error(), "dialtree.db is held by another process (waited 100ms): stop the running dialtree") {
		t.Errorf("got %v", err)
	}
	if waited := time.Since(start); waited > 2*time.Second {
		t.Errorf("waited %s", waited)
	}
}

func TestOpenCreates(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	s := openDir(t, dir)
	for path, mode := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, fileName): 0o600, filepath.Join(dir, keyFileName): 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v, want %v", path, info.Mode(), err, mode)
		}
	}
	if got := listDir(t, dir); len(got) != 2 {
		t.Errorf("the directory holds %v", got)
	}
	if s.Seq() != 0 || len(s.ID()) != 36 {
		t.Errorf("seq %d, ID %q", s.Seq(), s.ID())
	}
}

func TestReopenKeepsEverything(t *testing.T) {
	dir := makeStore(t)
	s := openDir(t, dir)
	if c := s.Counts(); c.Users != 2000 || c.Connectors["staff"] != 2000 || c.Upstreams["corp"] != 2000 || s.Seq() != 2 {
		t.Errorf("counts %+v, seq %d", c, s.Seq())
	}
	d, err := s.Device("reception")
	if err != nil || d.Password != Literal("x") {
		t.Errorf("got %v, %v", d, err)
	}
}

func TestReadOnly(t *testing.T) {
	dir := makeStore(t)
	for range 2 { // several at once
		s, err := Open(context.Background(), Options{Dir: dir, ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if _, ok, err := s.Account("user000001"); !ok || err != nil {
			t.Errorf("account: %v, %v", ok, err)
		}
		if _, err := s.Apply(context.Background(), &Changes{Put: []Entry{user("x")}}); err == nil {
			t.Error("a read-only store was changed")
		}
		checkClean(t, s)
	}
	_, err := Open(context.Background(), Options{Dir: t.TempDir(), ReadOnly: true})
	if !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestForgetSecrets(t *testing.T) {
	dir := makeStore(t)
	if err := os.Remove(filepath.Join(dir, keyFileName)); err != nil {
		t.Fatal(err)
	}
	forgotten, err := ForgetSecrets(context.Background(), dir)
	if err != nil || len(forgotten) != 1 || forgotten[0].String() != "password of device reception" {
		t.Fatalf("got %v, %v", forgotten, err)
	}
	s := openDir(t, dir)
	d, err := s.Device("reception")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Password.Resolve(); err == nil || !strings.Contains(err.Error(), "enter it again") {
		t.Errorf("got %v", err)
	}
	problems, err := s.Check(context.Background())
	if err != nil || len(problems) != 1 || problems[0].String() != "device reception: password is no longer stored: enter it again with dialtree apply" {
		t.Errorf("got %v, %v", problems, err)
	}
	apply(t, s, Changes{PutObjects: []Object{&Device{Name: "reception", Password: Literal("new")}}})
}

func TestLostKeyOfAStoreWithoutSecrets(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(context.Background(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), os.Remove(filepath.Join(dir, keyFileName))); err != nil {
		t.Fatal(err)
	}
	openDir(t, dir) // nothing is lost: a new key is made
}

func TestMigration(t *testing.T) {
	dir := makeStore(t)
	var ran []string
	step := func(name string, err error) func(*writes) error {
		return func(w *writes) error {
			ran = append(ran, name)
			return errors.Join(w.tx.Bucket(bucketMeta).Put([]byte("migrated-"+name), []byte("yes")), err)
		}
	}
	const now = schemaVersion
	failing := schema{now + 2, []migration{{now, step("one", nil)}, {now + 1, step("two", nil)}, {now + 2, step("three", errors.New("no room"))}}}
	_, err := open(context.Background(), Options{Dir: dir}, failing)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("migrate the store to schema version %d (nothing was changed): no room: a copy is in ", now+2)) {
		t.Fatalf("got %v", err)
	}
	if !slices.Equal(ran, []string{"two", "three"}) {
		t.Errorf("ran %v", ran)
	}
	s := openDir(t, dir) // still the version before
	err = s.View(func(v *Snapshot) error {
		if v.tx.Bucket(bucketMeta).Get([]byte("migrated-two")) != nil {
			t.Error("half a migration stayed")
		}
		return nil
	})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}

	_, err = open(context.Background(), Options{Dir: dir, ReadOnly: true}, failing)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("older schema version %d: start dialtree serve once", now)) {
		t.Errorf("read-only: %v", err)
	}
	ran = nil
	working := schema{now + 2, []migration{{now + 1, step("two", nil)}, {now + 2, step("three", nil)}}}
	s, err = open(context.Background(), Options{Dir: dir}, working)
	if err != nil {
		t.Fatal(err)
	}
	checkClean(t, s)
	if err := s.Close(); err != nil || len(ran) != 2 {
		t.Fatalf("%v, ran %v", err, ran)
	}
	_, err = Open(context.Background(), Options{Dir: dir})
	var newer *NewerSchemaError
	if !errors.As(err, &newer) || newer.Have != now+2 {
		t.Errorf("got %v", err)
	}
	// The copy from before is a whole store.
	if err := os.Rename(filepath.Join(dir, fmt.Sprintf("%s.schema-%d", fileName, now)), filepath.Join(dir, fileName)); err != nil {
		t.Fatal(err)
	}
	openDir(t, dir)
}

// A store of version 1 has no hidden entries; all else is as it was.
func TestMigrationFromVersion1(t *testing.T) {
	dir := makeStore(t)
	s := openDir(t, dir)
	entries := func() (all []Entry) {
		for e, err := range s.Entries(t.Context(), Query{}) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, e)
		}
		return all
	}
	before := entries()
	err := errors.Join(s.db.Update(func(tx *bbolt.Tx) error { return putMetaNumber(tx, metaSchema, 1) }), s.Close())
	if err != nil {
		t.Fatal(err)
	}
	s = openDir(t, dir)
	if after := entries(); len(before) == 0 || !reflect.DeepEqual(before, after) {
		t.Errorf("%d entries, then %d", len(before), len(after))
	}
	checkClean(t, s)
	if _, err := os.Stat(filepath.Join(dir, fileName+".schema-1")); err != nil {
		t.Error(err)
	}
}

func TestClosed(t *testing.T) {
	s := openTest(t)
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	_, _, accountErr := s.Account("a")
	_, applyErr := s.Apply(context.Background(), &Changes{})
	_, waitErr := s.Wait(context.Background(), 0)
	for _, err := range []error{accountErr, applyErr, waitErr} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("got %v", err)
		}
	}
}
