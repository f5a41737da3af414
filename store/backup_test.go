package store

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.etcd.io/bbolt"
)

func TestBackupAndRestoreOnANewMachine(t *testing.T) {
	dir := makeStore(t)
	s := openDir(t, dir)
	backup := filepath.Join(t.TempDir(), "backup.tar")
	info, err := s.Backup(context.Background(), backup)
	if err != nil || info.Seq != 2 || info.Counts.Users != 2000 || info.Bytes == 0 {
		t.Fatalf("got %+v, %v", info, err)
	}
	if file, err := os.Stat(backup); err != nil || file.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v: the backup holds the key", file.Mode(), err)
	}
	fresh := filepath.Join(t.TempDir(), "data")
	restored, err := Restore(context.Background(), fresh, backup)
	if err != nil || restored.Seq != 2 || restored.Counts.Users != 2000 || restored.Previous != "" {
		t.Fatalf("got %+v, %v", restored, err)
	}
	if got := listDir(t, fresh); !slices.Equal(got, []string{fileName, keyFileName}) {
		t.Errorf("the directory holds %v", got)
	}
	there := openDir(t, fresh)
	if d, err := there.Device("reception"); err != nil || d.Password != Literal("x") {
		t.Errorf("got %v, %v", d, err)
	}
	if contents(t, there) != contents(t, s) {
		t.Error("the entries differ")
	}
}

func TestBackupWhileApplying(t *testing.T) {
	s := openTest(t)
	s.db.NoSync = true
	seed(t, s)
	apply(t, s, Changes{Put: users(500, 1)})
	stop := make(chan struct{})
	var applying sync.WaitGroup
	applying.Go(func() {
		for generation := 2; ; generation++ {
			select {
			case <-stop:
				return
			default:
			}
			entries := users(500, generation)
			for i := range entries {
				entries[i].ID = ownedID(KindUser, "staff", entries[i].Key, 0).String()
			}
			if _, err := s.Apply(context.Background(), &Changes{Put: entries}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	backup := filepath.Join(t.TempDir(), "backup.tar")
	for range 5 {
		info, err := s.Backup(context.Background(), backup)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(t.TempDir(), "data")
		restored, err := Restore(context.Background(), dir, backup) // checks it too
		if err != nil || restored.Seq != info.Seq {
			t.Fatalf("got %+v, %v, want change %d", restored, err, info.Seq)
		}
	}
	close(stop)
	applying.Wait()
}

func TestRestoreRefuses(t *testing.T) {
	source := openDir(t, makeStore(t))
	good := filepath.Join(t.TempDir(), "good.tar")
	if _, err := source.Backup(context.Background(), good); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	flip := func(at int) []byte {
		bad := bytes.Clone(content)
		bad[at] ^= 1
		return bad
	}
	tests := []struct {
		name    string
		content []byte
		want    string
	}{
		{"no backup", []byte("hello"), "cut off, or is not a backup"},
		{"empty", nil, "cut off, or is not a backup"},
		{"text", bytes.Repeat([]byte("hello "), 10000), "is not a backup made by dialtree backup"},
		{"cut off in the database", content[:len(content)/2], "was cut off"},
		{"cut off before the sums", content[:len(content)-3000], "was cut off"},
		{"a bit of the database", flip(len(content) / 2), "its checksums differ"},
		{"a bit of the key", flip(512 + 150), "is damaged: its checksums differ"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			here := openDir(t, dir)
			id := here.ID()
			if err := here.Close(); err != nil {
				t.Fatal(err)
			}
			bad := filepath.Join(t.TempDir(), "bad.tar")
			if err := os.WriteFile(bad, test.content, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Restore(context.Background(), dir, bad)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "nothing was changed") {
				t.Errorf("got %v", err)
			}
			if got := listDir(t, dir); len(got) != 2 {
				t.Errorf("the directory holds %v", got)
			}
			if here := openDir(t, dir); here.ID() != id {
				t.Error("the store was replaced")
			}
		})
	}
	t.Run("a server holds the store", func(t *testing.T) {
		dir := t.TempDir()
		openDir(t, dir)
		_, err := Restore(context.Background(), dir, good)
		var locked *LockedError
		if !errors.As(err, &locked) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no file", func(t *testing.T) {
		if _, err := Restore(context.Background(), t.TempDir(), "/nowhere/b.tar"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("an unsound store", func(t *testing.T) {
		unsound := openDir(t, makeStore(t))
		err := unsound.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(bucketNames).Delete([]byte("user000001")) })
		if err != nil {
			t.Fatal(err)
		}
		bad := filepath.Join(t.TempDir(), "bad.tar")
		if _, err := unsound.Backup(context.Background(), bad); err != nil {
			t.Fatal(err)
		}
		if err := unsound.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := Restore(context.Background(), t.TempDir(), bad); err == nil || !strings.Contains(err.Error(), "is not sound: user") {
			t.Errorf("got %v", err)
		}
	})
}

func TestRestoreKeepsTheOldStore(t *testing.T) {
	dir := makeStore(t)
	s := openDir(t, dir)
	backup := filepath.Join(t.TempDir(), "b.tar")
	if _, err := s.Backup(context.Background(), backup); err != nil {
		t.Fatal(err)
	}
	apply(t, s, Changes{Put: []Entry{user("later")}})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// A damaged store can be replaced too.
	if err := os.Truncate(filepath.Join(dir, fileName), 20000); err != nil {
		t.Fatal(err)
	}
	info, err := Restore(context.Background(), dir, backup)
	if err != nil || info.Previous != filepath.Join(dir, fileName+restoring.kept) {
		t.Fatalf("got %+v, %v", info, err)
	}
	if old, err := os.Stat(info.Previous); err != nil || old.Size() != 20000 {
		t.Errorf("the old store: %v, %v", old, err)
	}
	if _, err := os.Stat(filepath.Join(dir, keyFileName+restoring.kept)); err != nil {
		t.Error(err)
	}
	if _, ok, _ := openDir(t, dir).Account("later"); ok {
		t.Error("what came after the backup is there")
	}
}

// A restore that is cut short after it was decided is finished by the next Open, wherever it was cut.
func TestRestoreInterrupted(t *testing.T) {
	source := openDir(t, makeStore(t))
	backup := filepath.Join(t.TempDir(), "b.tar")
	if _, err := source.Backup(context.Background(), backup); err != nil {
		t.Fatal(err)
	}
	ready := func(dir, name string) string { return filepath.Join(dir, restoring.ready, name) }
	tests := []struct {
		name string
		then func(dir string) error // what was done before the end
	}{
		{"at once", func(string) error { return nil }},
		{"the old key moved", func(dir string) error {
			return os.Rename(filepath.Join(dir, keyFileName), filepath.Join(dir, keyFileName+restoring.kept))
		}},
		{"the key done", func(dir string) error {
			return errors.Join(os.Rename(filepath.Join(dir, keyFileName), filepath.Join(dir, keyFileName+restoring.kept)),
				os.Rename(ready(dir, keyFileName), filepath.Join(dir, keyFileName)))
		}},
		{"the old store moved", func(dir string) error {
			return errors.Join(os.Rename(ready(dir, keyFileName), filepath.Join(dir, keyFileName)),
				os.Rename(filepath.Join(dir, fileName), filepath.Join(dir, fileName+restoring.kept)))
		}},
		{"all but the directory", func(dir string) error {
			return errors.Join(os.Rename(ready(dir, keyFileName), filepath.Join(dir, keyFileName)),
				os.Rename(ready(dir, fileName), filepath.Join(dir, fileName)))
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := makeStore(t)
			if _, err := prepareRestore(context.Background(), dir, backup); err != nil {
				t.Fatal(err)
			}
			if err := test.then(dir); err != nil {
				t.Fatal(err)
			}
			s := openDir(t, dir)
			if s.ID() != source.ID() {
				t.Error("the backup's store is not there")
			}
			if _, err := os.Stat(filepath.Join(dir, restoring.ready)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestBackupFails(t *testing.T) {
	s := openTest(t)
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for name, try := range map[string]func() error{
		"no directory": func() error { _, err := s.Backup(context.Background(), filepath.Join(dir, "no", "b")); return err },
		"cancelled":    func() error { _, err := s.Backup(ctx, filepath.Join(dir, "b")); return err },
		"a directory":  func() error { _, err := s.Backup(context.Background(), dir); return err },
		"compact over a file": func() error {
			return s.Compact(context.Background(), filepath.Join(s.Dir(), fileName))
		},
		"compact cancelled": func() error { return s.Compact(ctx, filepath.Join(dir, "c")) },
	} {
		if err := try(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if left := listDir(t, dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if left := listDir(t, s.Dir()); len(left) != 2 {
		t.Errorf("left behind: %v", left)
	}
}

func TestCompact(t *testing.T) {
	s := openDir(t, makeStore(t))
	var all []Ref
	for e := range s.Entries(context.Background(), Query{}) {
		all = append(all, e.Ref())
	}
	apply(t, s, Changes{Remove: all[:1900], Run: &Run{Connector: "staff"}, Undo: true})
	dir := t.TempDir()
	compacted := filepath.Join(dir, fileName)
	if err := s.Compact(context.Background(), compacted); err != nil {
		t.Fatal(err)
	}
	if was, is := dataSize(t, filepath.Join(makeStore(t), fileName)), dataSize(t, compacted); is >= was/2 {
		t.Errorf("%d bytes, was %d", is, was)
	}
	key, err := os.ReadFile(filepath.Join(s.Dir(), keyFileName))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, keyFileName), key, 0o600); err != nil {
		t.Fatal(err)
	}
	copied := openDir(t, dir)
	if contents(t, copied) != contents(t, s) || copied.Seq() != s.Seq() || copied.ID() != s.ID() {
		t.Error("the copy differs")
	}
}
