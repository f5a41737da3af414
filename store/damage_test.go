package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// damagedEnv is how many damaged copies TestDamage opens: DIALTREE_DAMAGED=20000 go test -run TestDamage -timeout 30m ./store is the long form.
const damagedEnv = "DIALTREE_DAMAGED"

// A damage is something that happens to a file.
type damage struct {
	name string
	do   func(r *rand.Rand, file []byte) []byte
}

const testPage = 4096

// treePage is the number of a page behind the two meta pages.
func treePage(r *rand.Rand, file []byte) int { return 2 + r.IntN(len(file)/testPage-2) }

var damages = []damage{
	{"a flipped bit", func(r *rand.Rand, file []byte) []byte {
		file[r.IntN(len(file))] ^= 1 << r.IntN(8)
		return file
	}},
	{"a flipped bit in the head of a page", func(r *rand.Rand, file []byte) []byte {
		file[treePage(r, file)*testPage+r.IntN(64)] ^= 1 << r.IntN(8)
		return file
	}},
	{"a flipped bit in a meta page", func(r *rand.Rand, file []byte) []byte {
		file[r.IntN(2)*testPage+r.IntN(pageHeader+metaSize)] ^= 1 << r.IntN(8)
		return file
	}},
	{"a page of zeros", func(r *rand.Rand, file []byte) []byte {
		clear(file[treePage(r, file)*testPage:][:testPage])
		return file
	}},
	{"half a page of zeros", func(r *rand.Rand, file []byte) []byte {
		clear(file[treePage(r, file)*testPage+testPage/2:][:testPage/2])
		return file
	}},
	{"a page of noise", func(r *rand.Rand, file []byte) []byte {
		for i := range file[treePage(r, file)*testPage:][:testPage] {
			file[i] = byte(r.Uint32())
		}
		return file
	}},
	{"noise in a page", func(r *rand.Rand, file []byte) []byte {
		at := treePage(r, file)*testPage + r.IntN(testPage-32)
		for i := range 32 {
			file[at+i] = byte(r.Uint32())
		}
		return file
	}},
	{"a page in another's place", func(r *rand.Rand, file []byte) []byte {
		copy(file[treePage(r, file)*testPage:][:testPage], file[treePage(r, file)*testPage:][:testPage])
		return file
	}},
	{"another page that claims the place", func(r *rand.Rand, file []byte) []byte {
		to := file[treePage(r, file)*testPage:][:testPage]
		own := bytes.Clone(to[:8])
		copy(to, file[treePage(r, file)*testPage:][:testPage])
		copy(to, own)
		return file
	}},
	{"a number of the tree changed", func(r *rand.Rand, file []byte) []byte {
		at := treePage(r, file)*testPage + pageHeader + 4*r.IntN(24)
		file[at+r.IntN(4)] = byte(r.Uint32())
		return file
	}},
	{"cut off", func(r *rand.Rand, file []byte) []byte { return file[:r.IntN(len(file))] }},
}

// Whatever happens to the file: Open refuses it and says what is wrong and what to do, or Check says what is wrong, or the content is as it was
// — but for other bytes in a text, which nothing can tell. Whatever is called meanwhile ends, with an error or without, and nothing panics.
func TestDamage(t *testing.T) {
	dir := makeRichStore(t)
	path := filepath.Join(dir, fileName)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	good = good[:dataSize(t, path)]
	whole := contentOf(t, dir)

	const seed = 6
	r := rand.New(rand.NewPCG(seed, 0))
	var refused, found, mended, harmless, unseen int
	n := number64(damagedEnv, 660)
	for i := range n {
		d := damages[i%len(damages)]
		name := fmt.Sprintf("copy %d of seed %d: %s", i, seed, d.name)
		if err := os.WriteFile(path, d.do(r, slices.Clone(good)), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(context.Background(), Options{Dir: dir, LockTimeout: 100 * time.Millisecond})
		if err != nil {
			refused++
			refusedWell(t, name, path, err)
			continue
		}
		problems, err := s.Check(context.Background())
		if err != nil {
			t.Errorf("%s: Check: %v", name, err)
		}
		after, err := content(s)
		useAll(t, name, s)
		switch {
		case s.Lost() != "":
			mended++
		case len(problems) > 0:
			found++
		case err != nil:
			t.Errorf("%s: Check finds nothing, and reading it fails: %v", name, err)
		case after == whole:
			harmless++
		default:
			unseen++
		}
		if err := s.Close(); err != nil {
			t.Errorf("%s: Close: %v", name, err)
		}
	}
	t.Logf("%d damaged copies: %d were refused, Check found %d, %d go on without their last change and say so, %d were damaged where nothing is, %d have other bytes in a text",
		n, refused, found, mended, harmless, unseen)
	if refused == 0 || found == 0 || mended == 0 || harmless == 0 {
		t.Error("not every outcome was seen")
	}
	if unseen > n/8 {
		t.Errorf("%d of %d damages were not noticed", unseen, n)
	}
}

// refusedWell looks at what Open says: where, what, and what to do.
func refusedWell(t *testing.T, name, path string, err error) {
	t.Helper()
	corrupt := (*CorruptError)(nil)
	if newer := (*NewerSchemaError)(nil); errors.As(err, &newer) {
		return // the number of the schema was hit
	}
	if lost := (*LostKeyError)(nil); errors.As(err, &lost) {
		return // what was sealed with the key was hit
	}
	if !errors.As(err, &corrupt) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "dialtree restore") {
		t.Errorf("%s: %T: %v", name, err, err)
	}
}

// useAll calls what reads and writes. Errors are fine; a panic ends the test.
func useAll(t *testing.T, name string, s *Store) {
	t.Helper()
	ctx := context.Background()
	for i := range 40 {
		_, _, _ = s.Account(fmt.Sprintf("user%06d", i*10))
		_, _ = s.User(fmt.Sprintf("user%06d", i))
	}
	for range s.RunBefore("staff-1") {
	}
	_, _ = s.Sessions()
	_, _ = s.Runs("", 0)
	_, _ = s.ChangesSince(1)
	_, _ = s.NextRunID("staff")
	_ = s.Compact(ctx, filepath.Join(t.TempDir(), "compact.db"))
	_, _ = s.Backup(ctx, filepath.Join(t.TempDir(), "backup"))
	before := s.Trouble()
	_, err := s.Apply(ctx, &Changes{Put: []Entry{owned(user("user000003"), "staff", "key000003"), user("late")}, Run: &Run{Connector: "staff"}, Undo: true,
		By: &Actor{Who: "root"}, EndSessions: []string{"one"}})
	if before != nil && err == nil {
		t.Errorf("%s: a store with a page that cannot be read (%v) took a change", name, before)
	}
	_, _ = s.Apply(ctx, &Changes{RemoveObjects: []ObjectRef{{ObjectConnector, "staff"}}})
}

// makeRichStore makes a store that has something in every bucket, and free pages.
func makeRichStore(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	s := openDir(t, dir)
	seed(t, s)
	apply(t, s, Changes{PutObjects: []Object{&Device{Name: "reception", Password: Literal("x")}}})
	for generation := range 3 {
		entries := users(400, generation+1)
		for i := range 50 {
			entries = append(entries, owned(contact(fmt.Sprintf("Contact %d of %d", i, generation)), "staff", fmt.Sprintf("c%d", i)))
		}
		for i := range 20 {
			entries = append(entries, owned(speedDial(fmt.Sprintf("%d", 100+i)), "staff", fmt.Sprintf("s%d", i)))
		}
		if generation > 0 {
			for i := range entries {
				entries[i].ID = ownedID(entries[i].Kind, "staff", entries[i].Key, 0).String()
			}
		}
		apply(t, s, Changes{Put: entries, Run: &Run{Connector: "staff"}, Undo: true, By: &Actor{Who: "root"}})
	}
	apply(t, s, Changes{PutSessions: []Session{{ID: "one", Hash: make([]byte, 32), Role: "admin", Expires: time.Now().Add(time.Hour)}}})
	checkClean(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func contentOf(t *testing.T, dir string) string {
	t.Helper()
	s, err := Open(context.Background(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	text, err := content(s)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// content is everything that can be read from a store, as text.
func content(s *Store) (string, error) {
	var b strings.Builder
	for e, err := range s.Entries(context.Background(), Query{}) {
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "%+v\n", e)
	}
	for _, kind := range ObjectKinds() {
		objects, err := s.Objects(kind)
		if err != nil {
			return "", err
		}
		for _, o := range objects {
			text, err := json.Marshal(o)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&b, "%s\n", text)
		}
	}
	runs, err := s.Runs("", 0)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(&b, "%+v\n", runs)
	for image, err := range s.RunBefore("staff-2") {
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "%+v\n", image)
	}
	for record, err := range s.Audit(0) {
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "%+v\n", record)
	}
	return b.String(), nil
}
