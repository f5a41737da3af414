//go:build e2e

package e2e_test

import (
	"bytes"
	encoding "encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/torture"
	"github.com/dialtree/dialtree/store"
)

const pageSize = 4096

// damages are what may happen to a file. Each changes a copy, and returns it.
var damages = []struct {
	name string
	do   func(r *rand.Rand, file []byte) []byte
}{
	{"cut off", func(r *rand.Rand, file []byte) []byte { return file[:r.IntN(len(file))] }},
	{"a page of zeros", func(r *rand.Rand, file []byte) []byte { clear(onePage(r, file)); return file }},
	{"a page of noise", func(r *rand.Rand, file []byte) []byte {
		page := onePage(r, file)
		for i := range page {
			page[i] = byte(r.Uint32())
		}
		return file
	}},
	{"a flipped bit", func(r *rand.Rand, file []byte) []byte { file[r.IntN(len(file))] ^= 1 << r.IntN(8); return file }},
	{"a flipped bit in the head of a page", func(r *rand.Rand, file []byte) []byte {
		onePage(r, file)[r.IntN(96)] ^= 1 << r.IntN(8)
		return file
	}},
	{"a page in another's place", func(r *rand.Rand, file []byte) []byte { copy(onePage(r, file), onePage(r, file)); return file }},
	{"a block of the disk that was never written", func(r *rand.Rand, file []byte) []byte {
		clear(file[r.IntN(len(file)/512)*512:][:512])
		return file
	}},
}

func onePage(r *rand.Rand, file []byte) []byte {
	return file[r.IntN(len(file)/pageSize)*pageSize:][:pageSize]
}

// What a damaged file leads to.
type damageCounts struct {
	sync.Mutex
	refused, problems, sound, unseen int
}

// Damaged copies of a store, through the real binary: it says what is wrong and what to do, or the content is as it was. It never panics, and never
// hangs.
func TestTortureDamagedFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	makeGeneration(t, dir, 1)
	makeGeneration2(t, dir)
	whole := sound(t, dir)
	file := must[[]byte](t)(os.ReadFile(filepath.Join(dir, "dialtree.db")))
	pages := max(encoding.LittleEndian.Uint64(file[16+40:]), encoding.LittleEndian.Uint64(file[pageSize+16+40:])) // in use, say the meta pages
	file = file[:pages*pageSize]
	key := must[[]byte](t)(os.ReadFile(filepath.Join(dir, "secret.key")))

	const seed = 7
	n := torture.Pick(140, 4_000)
	var counts damageCounts
	work := make(chan int)
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		scratch := t.TempDir()
		all.Go(func() {
			for i := range work {
				damaged(t, scratch, i, seed, file, key, whole, &counts)
			}
		})
	}
	for i := range n {
		work <- i
	}
	close(work)
	all.Wait()
	torture.Note(t, disk, "Damaged files: tried, refused with what to do, found by check, no damage to what is kept, other bytes in a text (not noticed)", torture.Dialtree,
		"%d, %d, %d, %d, %d", n, counts.refused, counts.problems, counts.sound, counts.unseen)
	if counts.refused == 0 || counts.problems == 0 || counts.unseen > n/20 {
		t.Errorf("%d refused, %d found by check, %d not noticed", counts.refused, counts.problems, counts.unseen)
	}
}

// makeGeneration2 adds what a store has besides users: contacts in a phonebook, a run, a change of it.
func makeGeneration2(t *testing.T, dir string) {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: dir})
	check(t, err)
	defer s.Close()
	for round := range 3 {
		changes := &store.Changes{PutObjects: []store.Object{&store.Phonebook{Name: "customers"}}, Run: &store.Run{Connector: store.HandImports}, Undo: true, By: &store.Actor{Who: "root"}}
		for i := range 200 {
			changes.Put = append(changes.Put, store.Entry{Kind: store.KindContact, Phonebook: "customers", Values: store.Values{
				{Field: store.DisplayName, Text: fmt.Sprintf("Contact %d of %d", i, round)}, {Field: store.Phone, Text: fmt.Sprint(40000 + i)}}})
		}
		_, err = s.Apply(t.Context(), changes)
		check(t, err)
	}
}

func damaged(t *testing.T, dir string, i int, seed uint64, file, key []byte, whole string, counts *damageCounts) {
	r := rand.New(rand.NewPCG(seed, uint64(i)))
	d := damages[i%len(damages)]
	name := fmt.Sprintf("copy %d of seed %d, %s", i, seed, d.name)
	data := filepath.Join(dir, "data")
	path := filepath.Join(data, "dialtree.db")
	if err := prepareDamaged(data, d.do(r, slices.Clone(file)), key); err != nil {
		t.Error(err)
		return
	}
	plain, err := binary()
	if err != nil {
		t.Error(err)
		return
	}
	out, err := fixture.RunDialtree(t.Context(), plain, dir, nil, "", "check", "--data-dir", data)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	said := out.Stdout + out.Stderr
	quiet(t, name, said)
	counts.Lock()
	defer counts.Unlock()
	switch {
	case out.Code == 0:
		s, err := store.Open(t.Context(), store.Options{Dir: data})
		if err != nil {
			t.Errorf("%s: check finds the store sound, and it does not open: %v", name, err)
			return
		}
		defer s.Close()
		if contentOf(t, s) == whole {
			counts.sound++
		} else {
			counts.unseen++
		}
	case strings.Contains(out.Stderr, path) || strings.Contains(out.Stderr, "secret.key"):
		counts.refused++
		if !strings.Contains(said, "restore") {
			t.Errorf("%s: it does not say what to do: %s", name, said)
		}
	case strings.Contains(out.Stdout, "problem"):
		counts.problems++
	default:
		t.Errorf("%s: check ends with %d and says %s", name, out.Code, said)
	}
}

func prepareDamaged(data string, file, key []byte) error {
	if err := os.RemoveAll(data); err != nil {
		return err
	}
	if err := os.Mkdir(data, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(data, "secret.key"), key, 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(data, "dialtree.db"), file, 0o600)
}

// quiet looks for the traces of a program that fell over.
func quiet(t *testing.T, name, said string) {
	t.Helper()
	for _, trace := range []string{"panic", "goroutine ", "SIGBUS", "SIGSEGV", "fatal error", "runtime error"} {
		if strings.Contains(said, trace) {
			t.Errorf("%s: %s", name, said)
			return
		}
	}
}

// The server itself, on a data directory that is not as it should be: it says what is wrong and what to type, and ends at once.
func TestTortureRefusedStarts(t *testing.T) {
	plain := must[string](t)(binary())
	good := filepath.Join(t.TempDir(), "data")
	makeGeneration(t, good, 1)
	db := func(dir string) string { return filepath.Join(dir, "dialtree.db") }
	keyOf := func(dir string) string { return filepath.Join(dir, "secret.key") }
	change := func(do func(*bbolt.Tx) error) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			b := must[*bbolt.DB](t)(bbolt.Open(db(dir), 0o600, nil))
			check(t, b.Update(do))
			check(t, b.Close())
		}
	}
	cases := []struct {
		name string
		do   func(t *testing.T, dir string)
		says []string
	}{
		{"empty file", func(t *testing.T, dir string) { check(t, os.Truncate(db(dir), 0)) }, []string{"dialtree.db is damaged", "dialtree restore"}},
		{"half of the file", func(t *testing.T, dir string) { check(t, os.Truncate(db(dir), 5*pageSize)) }, []string{"dialtree.db is damaged (it was cut off", "dialtree restore"}},
		{"another program's file", func(t *testing.T, dir string) {
			check(t, os.WriteFile(db(dir), bytes.Repeat([]byte("SQLite format 3\x00"), 1000), 0o600))
		}, []string{"dialtree.db is damaged", "dialtree restore"}},
		{"another program's database", change(func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("meta")) }), []string{"not a store of Dialtree"}},
		{"zeroed page", func(t *testing.T, dir string) {
			f := must[*os.File](t)(os.OpenFile(db(dir), os.O_RDWR, 0))
			defer f.Close()
			content := must[[]byte](t)(os.ReadFile(db(dir)))
			root := encoding.LittleEndian.Uint64(content[16+16:])
			if other := encoding.LittleEndian.Uint64(content[pageSize+16+48:]); other > encoding.LittleEndian.Uint64(content[16+48:]) {
				root = encoding.LittleEndian.Uint64(content[pageSize+16+16:])
			}
			_, err := f.WriteAt(make([]byte, pageSize), int64(root)*pageSize)
			check(t, err)
		}, []string{"dialtree.db is damaged (page ", "dialtree restore"}},
		{"a newer schema", change(func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("meta")).Put([]byte("schema"), []byte{0, 0, 0, 0, 0, 0, 0, 99})
		}), []string{"schema version 99", "newer"}},
		{"another store's key", func(t *testing.T, dir string) {
			other := t.TempDir()
			makeGeneration(t, other, 1)
			check(t, os.Rename(keyOf(other), keyOf(dir)))
		}, []string{"secret.key is not the key", "--forget-secrets", "password of device reception"}},
		{"no key", func(t *testing.T, dir string) { check(t, os.Remove(keyOf(dir))) }, []string{"secret.key is missing", "--forget-secrets"}},
		{"a key that others read", func(t *testing.T, dir string) { check(t, os.Chmod(keyOf(dir), 0o644)) }, []string{"chmod 600"}},
		{"a directory in its place", func(t *testing.T, dir string) {
			check(t, os.Remove(db(dir)))
			check(t, os.Mkdir(db(dir), 0o700))
		}, []string{"is a directory"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			check(t, copyData(dir, good))
			c.do(t, dir)
			said := refusedStart(t, exec.Command(plain, "serve", "--data-dir", dir))
			for _, want := range c.says {
				if !strings.Contains(said, want) {
					t.Errorf("%q is not in: %s", want, said)
				}
			}
		})
	}
	t.Run("with backups that the server wrote", func(t *testing.T) {
		top := t.TempDir()
		dir, backups := filepath.Join(top, "data"), filepath.Join(top, "backups")
		check(t, copyData(dir, good))
		check(t, os.Mkdir(backups, 0o700))
		newest := filepath.Join(backups, "dialtree-20260302-023000.backup")
		s := must[*store.Store](t)(store.Open(t.Context(), store.Options{Dir: dir}))
		_, err := s.Backup(t.Context(), newest)
		check(t, err)
		check(t, s.Close())
		check(t, os.WriteFile(filepath.Join(backups, "dialtree-20260303-023000.backup"), must[[]byte](t)(os.ReadFile(newest))[:9000], 0o600))
		check(t, os.Truncate(db(dir), 5*pageSize))
		cmd := exec.Command(plain, "serve", "--data-dir", dir)
		cmd.Env = append(os.Environ(), "DIALTREE_BACKUP_DIR="+backups)
		said := refusedStart(t, cmd)
		line := "dialtree restore " + newest + " --data-dir " + dir
		if !strings.Contains(said, line) {
			t.Fatalf("%q is not in: %s", line, said)
		}
		out := must[[]byte](t)(exec.Command(plain, strings.Fields(line)[1:]...).CombinedOutput())
		oneGeneration("1")(t, dir, sound(t, dir))
		if !strings.Contains(string(out), "restored") {
			t.Errorf("%s", out)
		}
	})
	t.Run("somebody else's directory", func(t *testing.T) {
		setpriv, err := exec.LookPath("setpriv")
		if err != nil || os.Getuid() != 0 {
			check(t, &fixture.MissingError{Program: "setpriv, as root", Package: "util-linux"})
		}
		dir := filepath.Join(t.TempDir(), "data")
		check(t, copyData(dir, good))
		// What the other user may read of the test's own directories.
		for at := dir; at != os.TempDir() && at != "/"; at = filepath.Dir(at) {
			check(t, os.Chmod(at, 0o755))
		}
		program := filepath.Join(filepath.Dir(dir), "dialtree")
		check(t, os.WriteFile(program, must[[]byte](t)(os.ReadFile(plain)), 0o755))
		as := func(args ...string) *exec.Cmd {
			return exec.Command(setpriv, append([]string{"--reuid", "65534", "--regid", "65534", "--clear-groups", program}, args...)...)
		}
		if said := refusedStart(t, as("serve", "--data-dir", dir)); !strings.Contains(said, "data directory "+dir+" cannot be used: permission denied: give the user that runs dialtree") {
			t.Error(said)
		}
		check(t, os.Chmod(dir, 0o700))
		if said := refusedStart(t, as("serve", "--data-dir", dir)); !strings.Contains(said, "permission denied") {
			t.Error(said)
		}
	})
}

func copyData(to, from string) error {
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	for _, name := range []string{"dialtree.db", "secret.key"} {
		content, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// refusedStart starts a server that must end by itself, and returns what it says.
func refusedStart(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.Env = append(append(os.Environ(), cmd.Env...), "DIALTREE_LDAP_LISTEN=127.0.0.1:0", "DIALTREE_ADMIN_LISTEN=")
	check(t, cmd.Start())
	limit := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
	defer limit.Stop()
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("the server ends with %v", err)
	}
	quiet(t, t.Name(), said.String())
	return said.String()
}

// The disk loses pages while the server runs: who needs them is told that it cannot be found out (52), the log and readiness say why, and
// the process goes on. A backup brings everything back.
func TestTorturePagesLostWhileServing(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(t *testing.T, path string)
	}{
		{"cut off", func(t *testing.T, path string) { check(t, os.Truncate(path, 2*pageSize)) }},
		{"overwritten", func(t *testing.T, path string) {
			f := must[*os.File](t)(os.OpenFile(path, os.O_RDWR, 0))
			defer f.Close()
			info := must[os.FileInfo](t)(f.Stat())
			_, err := f.WriteAt(bytes.Repeat([]byte{0xff}, int(info.Size())-2*pageSize), 2*pageSize)
			check(t, err)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := fixture.DialtreeOptions{Binary: must[string](t)(binary()), Dir: t.TempDir()}
			d := dialtree(t, o, insider[4:])
			backup := filepath.Join(o.Dir, "good.backup")
			command(t, d, 0, "", "backup", backup)
			c.do(t, filepath.Join(d.DataDir, "dialtree.db"))
			for range 20 {
				if r := bind(t, d, plain, fixture.DialtreeDN("insider"), "right-insider"); r.Code != 52 {
					t.Fatalf("a login that cannot be found out is answered with %d %s", r.Code, r.Diagnostic)
				}
			}
			status, said, _ := readiness(t, d)
			if status != 503 || !strings.Contains(said, "dialtree restore") {
				t.Errorf("readiness is %d, store: %s", status, said)
			}
			if out := must[fixture.Output](t)(d.Command(t.Context(), "", "apply", "-f", filepath.Join(o.Dir, "objects.yaml"))); out.Code == 0 {
				t.Error("a damaged store takes a change")
			}
			for deadline := time.Now().Add(10 * time.Second); !strings.Contains(d.Output(), "the store is in trouble"); time.Sleep(50 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("the log does not say it")
				}
			}
			quiet(t, "the log", d.Output())
			d.Stop()
			command(t, d, 0, "", "restore", backup)
			check(t, d.Start(t.Context()))
			loginsWork(t, d)
			command(t, d, 0, "", "check")
		})
	}
}
