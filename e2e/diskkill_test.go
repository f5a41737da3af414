//go:build e2e

package e2e_test

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/dialtree/dialtree/e2e/diskfault"
	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/torture"
	"github.com/dialtree/dialtree/store"
)

// Everything that writes is killed before each of its system calls that changes the disk: in the long form before every one, in the short form before some
// of them, the first and the last among them. Afterwards the store opens, its check is clean, and it holds the old or the new, whole; what was
// acknowledged is there.
func TestTortureKilledWrites(t *testing.T) {
	var killed, kept, made atomic.Int64
	t.Run("all", func(t *testing.T) {
		for _, w := range serverWrites {
			t.Run(w.name, func(t *testing.T) {
				t.Parallel()
				w.kill(t, &killed, &kept, &made)
			})
		}
		for _, w := range fileWrites {
			t.Run(w.name, func(t *testing.T) {
				t.Parallel()
				n := w.kill(t)
				killed.Add(int64(n))
			})
		}
	})
	if killed.Load() == 0 {
		t.Fatal("nothing was killed")
	}
	if t.Failed() {
		return
	}
	torture.Note(t, disk, "Killed before a system call that writes: operations, kill points, stores that were neither old nor new", torture.Dialtree,
		"%d, %d, none", len(serverWrites)+len(fileWrites), killed.Load())
	t.Logf("of the changes through the server, %d were as before and %d were made", kept.Load(), made.Load())
}

// points are the calls of n before which a process is killed.
func points(n int) []int {
	wanted := torture.Pick(5, n)
	if n <= wanted {
		wanted = n
	}
	var list []int
	for i := range wanted {
		p := 1
		if wanted > 1 {
			p = 1 + i*(n-1)/(wanted-1)
		}
		if !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list
}

// A serverWrite is a change that a running server makes.
type serverWrite struct {
	name   string
	config []string
	// setUp brings the store to generation 0.
	setUp func(w *diskWorld)
	// prepare is what comes before the change that leads to a generation; nil: nothing.
	prepare func(w *diskWorld, generation int)
	// change is the command.
	change func(w *diskWorld, generation int) []string
	// mark finds the generations in the content; nil: generationMark.
	mark *regexp.Regexp
	// undoes tells that the change leads back to the generation before.
	undoes bool
	// more looks at what lies beside the store, after a kill.
	more func(w *diskWorld, acknowledged bool)
}

func generationYAML(g int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "kind: upstream\nname: corp\nurls: [ldap://127.0.0.1:9]\nbind_dn: \"uid=%%,ou=generation-%d,dc=example\"\n", g)
	fmt.Fprintf(&b, "---\nkind: device\nname: reception\ntitle: Generation %d\npassword: a-secret-of-%d\n", g, g)
	for i := range 40 {
		fmt.Fprintf(&b, "---\nkind: user\nusername: user%d\ndisplayname: Generation %d\nauth: {method: upstream, upstream: corp}\n", i, g)
	}
	return b.String()
}

func generationCSV(g, n int) string {
	var b strings.Builder
	b.WriteString("username,displayname,phone\n")
	for i := range n {
		fmt.Fprintf(&b, "user%d,Generation %d,%d\n", i, g, 30000+i)
	}
	return b.String()
}

const staffConnector = "kind: connector\nname: staff\ntemplate: csv-users\nsource: {csv: {path: %q}}\nauthentication: {method: none}\n"

func withConnector(w *diskWorld) {
	w.do("apply", "-f", w.write("connector.yaml", fmt.Sprintf(staffConnector, w.path("staff.csv"))))
	w.write("staff.csv", generationCSV(0, 300))
	w.do("connector", "run", "staff")
}

var serverWrites = []serverWrite{
	{
		name:  "objects and entries applied",
		setUp: func(w *diskWorld) { w.do("apply", "-f", w.write("objects.yaml", generationYAML(0))) },
		change: func(w *diskWorld, g int) []string {
			return []string{"apply", "-f", w.write("objects.yaml", generationYAML(g))}
		},
	},
	{
		name: "logins of many users changed",
		setUp: func(w *diskWorld) {
			var b strings.Builder
			for g := range 200 {
				fmt.Fprintf(&b, "---\nkind: upstream\nname: corp-%d\nurls: [ldap://127.0.0.1:9]\nbind_dn: \"uid=%%\"\n", g)
			}
			w.do("apply", "-f", w.write("upstreams.yaml", b.String()))
			text := strings.ReplaceAll(generationCSV(0, 60), "Generation 0", "Somebody")
			w.do("import", w.write("users.csv", text), "--to", "users")
			w.do("user", "bulk", "auth", "upstream", "--upstream", "corp-0", "--query", "Somebody")
		},
		change: func(w *diskWorld, g int) []string {
			return []string{"user", "bulk", "auth", "upstream", "--upstream", fmt.Sprintf("corp-%d", g), "--query", "Somebody"}
		},
		mark: regexp.MustCompile(`"Upstream":"corp-(\d+)"`),
	},
	{
		name:    "a connector run",
		setUp:   withConnector,
		prepare: func(w *diskWorld, g int) { w.write("staff.csv", generationCSV(g, 300)) },
		change:  func(*diskWorld, int) []string { return []string{"connector", "run", "staff"} },
	},
	{
		name:  "a run undone",
		setUp: withConnector,
		prepare: func(w *diskWorld, g int) {
			w.write("staff.csv", generationCSV(g, 300))
			w.do("connector", "run", "staff")
		},
		change: func(w *diskWorld, _ int) []string {
			return []string{"connector", "undo", lastRunOf(w)}
		},
		undoes: true,
	},
	{
		name:  "a file imported",
		setUp: func(w *diskWorld) { w.do("import", w.write("users.csv", generationCSV(0, 300)), "--to", "users") },
		change: func(w *diskWorld, g int) []string {
			return []string{"import", w.write("users.csv", generationCSV(g, 300)), "--to", "users"}
		},
	},
	{
		name: "a backup written over the last one",
		setUp: func(w *diskWorld) {
			w.do("apply", "-f", w.write("objects.yaml", generationYAML(0)))
			w.do("backup", filepath.Join(w.DataDir, "last.backup"))
		},
		change: func(w *diskWorld, _ int) []string { return []string{"backup", filepath.Join(w.DataDir, "last.backup")} },
		more: func(w *diskWorld, _ bool) {
			if _, err := backupGeneration(w.t, filepath.Join(w.DataDir, "last.backup")); err != nil {
				w.t.Errorf("the backup is not whole: %v", err)
			}
		},
	},
}

// kill makes a change again and again, and kills the server before one of its calls each time.
func (c *serverWrite) kill(t *testing.T, killed, kept, made *atomic.Int64) {
	w := newDiskWorld(t, c.config...)
	w.start()
	c.setUp(w)
	held, mark := "0", cmp.Or(c.mark, generationMark)
	step := func(g int, f diskfault.Fault) (out fixture.Output, before, after string) {
		before, after = held, fmt.Sprint(g)
		if c.prepare != nil {
			c.prepare(w, g)
			if c.undoes {
				before, after = fmt.Sprint(g), held
			}
		}
		args := c.change(w, g)
		w.strike(f)
		return w.try(args...), before, after
	}
	out, _, after := step(1, diskfault.Fault{})
	if out.Code != 0 {
		t.Fatalf("the change fails without a kill: %s%s", out.Stdout, out.Stderr)
	}
	calls := w.strike(diskfault.Fault{}).Calls
	w.stop()
	content := generationsIn(mark, sound(t, w.DataDir))
	changes := len(content) == 1 && content[0] == after // a backup changes nothing
	if changes {
		held = after
	}
	if calls < 2 {
		t.Fatalf("the change makes %d calls", calls)
	}
	for i, point := range points(calls) {
		w.start()
		out, before, after := step(i+2, diskfault.Fault{First: point})
		if !changes {
			before, after = held, held
		}
		if out.Code != 0 {
			<-w.Done() // else the change was made before the call that kills
		} else {
			w.Kill()
		}
		killed.Add(1)
		found := generationsIn(mark, sound(t, w.DataDir))
		switch {
		case len(found) != 1 || found[0] != before && found[0] != after:
			t.Errorf("killed before call %d of %d: the store holds the generations %v, neither %s nor %s alone", point, calls, found, before, after)
		case out.Code == 0 && found[0] != after:
			t.Errorf("killed before call %d of %d: the change was acknowledged, and is gone", point, calls)
		case found[0] == after:
			made.Add(1)
		default:
			kept.Add(1)
		}
		if c.more != nil {
			c.more(w, out.Code == 0)
		}
		if t.Failed() {
			return
		}
		held = found[0]
	}
	w.start() // and the server starts on what the last kill left
	w.do("check")
}

// lastRunOf is the ID of the connector's last run.
func lastRunOf(w *diskWorld) string {
	s := w.do("connector", "history", "staff", "-o", "json").Stdout
	_, rest, _ := strings.Cut(s, `"id": "`)
	id, _, ok := strings.Cut(rest, `"`)
	if !ok {
		w.t.Fatalf("no run in %s", s)
	}
	return id
}

// A fileWrite is a process that writes a data directory and ends, or begins to serve.
type fileWrite struct {
	name string
	// setUp makes the data directory as it is before each kill.
	setUp func(t *testing.T, dir string)
	// args of the program; nil: serve, which is done when it is ready.
	args func(dir string) []string
	flag string // of serve
	// compacts tells that it is TestCompactor, and no dialtree.
	compacts bool
	// look says what is wrong with what a kill left, beyond that it does not open or is not sound.
	look func(t *testing.T, dir string, content string)
}

func makeGeneration(t *testing.T, dir string, g int) {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: dir})
	check(t, err)
	defer s.Close()
	changes := &store.Changes{PutObjects: []store.Object{&store.Device{Name: "reception", Password: store.Literal(fmt.Sprint("secret of ", g))}}}
	for i := range 300 {
		changes.Put = append(changes.Put, store.Entry{Kind: store.KindUser, Values: store.Values{
			{Field: store.Username, Text: fmt.Sprintf("user%d", i)}, {Field: store.DisplayName, Text: fmt.Sprintf("Generation %d", g)}}})
	}
	_, err = s.Apply(t.Context(), changes)
	check(t, err)
}

// olderSchema makes a store one that the first release wrote.
func olderSchema(t *testing.T, dir string) {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(dir, "dialtree.db"), 0o600, nil)
	check(t, err)
	check(t, errors.Join(db.Update(func(tx *bbolt.Tx) error {
		for _, later := range []string{"sessions", "audit", "refusals", "here", "plans"} {
			if err := tx.DeleteBucket([]byte(later)); err != nil {
				return err
			}
		}
		return tx.Bucket([]byte("meta")).Put([]byte("schema"), []byte{0, 0, 0, 0, 0, 0, 0, 1})
	}), db.Close()))
}

func oneGeneration(generations ...string) func(*testing.T, string, string) {
	return func(t *testing.T, _, content string) {
		t.Helper()
		if found := generationsIn(generationMark, content); len(found) != 1 || !slices.Contains(generations, found[0]) {
			t.Errorf("the store holds the generations %v, want one of %v", found, generations)
		}
	}
}

var fileWrites = []fileWrite{
	{name: "the first start", setUp: func(*testing.T, string) {}, look: func(*testing.T, string, string) {}},
	{
		name:  "a start on an older schema",
		setUp: func(t *testing.T, dir string) { makeGeneration(t, dir, 1); olderSchema(t, dir) },
		look: func(t *testing.T, dir, content string) {
			oneGeneration("1")(t, dir, content)
			saved := filepath.Join(dir, "dialtree.db.schema-1")
			if _, err := os.Stat(saved); err != nil {
				t.Errorf("the copy made before the migration: %v", err)
				return
			}
			db, err := bbolt.Open(saved, 0o600, &bbolt.Options{ReadOnly: true})
			check(t, err)
			check(t, errors.Join(db.View(func(tx *bbolt.Tx) error {
				if tx.Bucket([]byte("sessions")) != nil || tx.Bucket([]byte("entries")).Stats().KeyN != 300 {
					t.Error("the copy made before the migration is not what was there")
				}
				return nil
			}), db.Close()))
		},
	},
	{
		name: "a restore",
		setUp: func(t *testing.T, dir string) {
			other := t.TempDir()
			makeGeneration(t, other, 2)
			s, err := store.Open(t.Context(), store.Options{Dir: other})
			check(t, err)
			_, err = s.Backup(t.Context(), dir+".backup")
			check(t, errors.Join(err, s.Close()))
			makeGeneration(t, dir, 1)
		},
		args: func(dir string) []string { return []string{"restore", dir + ".backup", "--data-dir", dir} },
		look: oneGeneration("1", "2"),
	},
	{
		name: "a start that forgets the secrets",
		setUp: func(t *testing.T, dir string) {
			makeGeneration(t, dir, 1)
			check(t, os.WriteFile(filepath.Join(dir, "secret.key"), []byte("lost"), 0o600))
		},
		flag: "--forget-secrets",
		look: oneGeneration("1"),
	},
	{
		name:     "a compaction",
		setUp:    func(t *testing.T, dir string) { makeGeneration(t, dir, 1) },
		compacts: true,
		look: func(t *testing.T, dir, content string) {
			oneGeneration("1")(t, dir, content)
			copied := filepath.Join(dir, "compact.db")
			if _, err := os.Stat(copied); errors.Is(err, fs.ErrNotExist) {
				return
			}
			into := t.TempDir()
			check(t, os.Rename(copied, filepath.Join(into, "dialtree.db")))
			check(t, os.Link(filepath.Join(dir, "secret.key"), filepath.Join(into, "secret.key")))
			oneGeneration("1")(t, into, sound(t, into))
		},
	},
}

// kill runs the process on a fresh copy each time, and kills it before one of its calls.
func (c *fileWrite) kill(t *testing.T) (killed int) {
	master := filepath.Join(t.TempDir(), "data")
	check(t, os.Mkdir(master, 0o700))
	c.setUp(t, master)
	calls := 0
	var run func(point int)
	run = func(point int) {
		w := newDiskWorld(t)
		if c.compacts {
			self, err := os.Executable()
			check(t, err)
			w.tracer = must[*diskfault.Tracer](t)(diskfault.New(w.dir, self, nil))
		}
		if c.flag != "" {
			w.serve = w.write("flagged", fmt.Sprintf("#!/bin/sh\nexec '%s' \"$@\" %s\n", w.tracer.Binary, c.flag))
			check(t, os.Chmod(w.serve, 0o700))
			w.configure()
		}
		check(t, os.CopyFS(w.DataDir, os.DirFS(master)))
		check(t, filepath.WalkDir(w.DataDir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				err = os.Chmod(path, 0o600)
			}
			return err
		}))
		check(t, os.Chmod(w.DataDir, 0o700))
		check(t, w.tracer.Begin(&diskfault.Fault{Under: w.DataDir, First: point}))
		code := 0
		switch {
		case c.compacts:
			code, _ = runTraced(t, w.tracer, []string{"DIALTREE_COMPACT=" + w.DataDir + " " + filepath.Join(w.DataDir, "compact.db")}, "-test.run=^TestCompactor$")
		case c.args != nil:
			args := c.args(w.DataDir)
			if _, err := os.Stat(master + ".backup"); err == nil {
				args[1] = master + ".backup"
			}
			code, _ = runTraced(t, w.tracer, nil, args...)
		default:
			code = w.serveUntilReady()
		}
		if code == portTaken {
			run(point)
			return
		}
		if point == 0 {
			if code != 0 {
				t.Fatalf("the process fails without a kill: exit code %d", code)
			}
			calls = must[diskfault.Seen](t)(w.tracer.Ended()).Calls
			return
		}
		if code == 0 && c.args == nil && point > calls/2 {
			return // the last calls of a start come in any order with its being ready
		}
		if code != diskfault.Killed {
			t.Errorf("call %d of %d: the process ends with %d and is not killed", point, calls, code)
			return
		}
		killed++
		check(t, w.tracer.Begin(nil))
		if c.flag != "" {
			if code := w.serveUntilReady(); code != 0 && code != portTaken { // the key is still wrong, or is gone: the same is done again
				t.Errorf("killed before call %d of %d: the same start again ends with %d", point, calls, code)
				return
			}
		}
		content := sound(t, w.DataDir)
		noLeftovers(t, w.DataDir)
		c.look(t, w.DataDir, content)
		if t.Failed() {
			t.Errorf("killed before call %d of %d", point, calls)
		}
	}
	run(0)
	if calls < 3 {
		t.Fatalf("the process makes %d calls", calls)
	}
	for _, point := range points(calls) {
		if run(point); t.Failed() {
			return killed
		}
	}
	return killed
}

// portTaken is what serveUntilReady returns when somebody's connection has the server's port.
const portTaken = -2

// serveUntilReady serves until the server is ready, and then ends it; it returns its exit code.
func (w *diskWorld) serveUntilReady() int {
	w.t.Helper()
	if err := w.Start(w.t.Context()); err != nil && strings.Contains(err.Error(), "address already in use") {
		w.configure()
		return portTaken
	} else if err != nil {
		return w.ExitCode()
	}
	check(w.t, w.tracer.Begin(nil))
	if seen, err := w.tracer.Set(diskfault.Fault{Under: w.DataDir}); err == nil {
		defer func() { check(w.t, w.tracer.Keep(seen)) }()
	}
	w.stop()
	return 0
}
