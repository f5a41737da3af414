//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/diskfault"
	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/store"
)

const disk = "disk" // the table of this part

// A diskWorld is a server whose system calls on its data directory can be struck.
type diskWorld struct {
	*fixture.Dialtree
	t      *testing.T
	dir    string
	plain  string // the binary as it is
	tracer *diskfault.Tracer
	config []string
	serve  string // the program that serves: what the tracer says, or a script around it
}

// newDiskWorld prepares a server and starts nothing.
func newDiskWorld(t *testing.T, config ...string) *diskWorld {
	t.Helper()
	if !diskfault.Supported {
		check(t, &fixture.MissingError{Program: "a tracer for this machine"})
	}
	w := &diskWorld{t: t, dir: t.TempDir(), plain: must[string](t)(binary()), config: config}
	w.tracer = must[*diskfault.Tracer](t)(diskfault.New(w.dir, w.plain, nil))
	w.serve = w.tracer.Binary
	w.configure()
	t.Cleanup(func() {
		if w.Process == nil {
			return
		}
		w.stop()
		if t.Failed() {
			log := w.Output()
			t.Logf("the log of dialtree:\n%s", log[max(0, len(log)-4000):])
		}
	})
	return w
}

// configure writes a configuration with ports that are free.
func (w *diskWorld) configure() {
	w.t.Helper()
	w.Dialtree = must[*fixture.Dialtree](w.t)(fixture.NewDialtree(fixture.DialtreeOptions{Binary: w.serve, Dir: w.dir, Config: w.config}))
}

// start starts the server. Its port may be another's meanwhile: then it gets a new one.
func (w *diskWorld) start() {
	w.t.Helper()
	for try := 0; ; try++ {
		err := w.Start(w.t.Context())
		if err == nil {
			return
		}
		if try == 10 || !strings.Contains(err.Error(), "address already in use") {
			w.t.Fatal(err)
		}
		w.configure()
	}
}

func (w *diskWorld) stop() { w.Process.Stop() }

// path is that of a file in the directory of the test, beside the data.
func (w *diskWorld) path(name string) string { return filepath.Join(w.dir, name) }

// write writes such a file and returns its path.
func (w *diskWorld) write(name, content string) string {
	w.t.Helper()
	check(w.t, os.WriteFile(w.path(name), []byte(content), 0o600))
	return w.path(name)
}

// try runs a command that is not traced; its end is no matter.
func (w *diskWorld) try(args ...string) fixture.Output {
	w.t.Helper()
	out, err := fixture.RunDialtree(w.t.Context(), w.plain, w.dir, nil, "", append(args, "--config", w.ConfigFile)...)
	check(w.t, err)
	return out
}

// do runs a command that must succeed.
func (w *diskWorld) do(args ...string) fixture.Output {
	w.t.Helper()
	out := w.try(args...)
	if out.Code != 0 {
		w.t.Fatalf("dialtree %s: exit code %d\n%s%s", strings.Join(args, " "), out.Code, out.Stdout, out.Stderr)
	}
	return out
}

// strike sets what happens to the calls on the data directory from now on.
func (w *diskWorld) strike(f diskfault.Fault) diskfault.Seen {
	w.t.Helper()
	if f.Under == "" {
		f.Under = w.DataDir
	}
	return must[diskfault.Seen](w.t)(w.tracer.Set(f))
}

// sound opens a store without a server, as a start does, checks it, and returns everything that is in it now: entries and objects, not
// their history.
func sound(t *testing.T, dir string) string {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: dir, LockTimeout: 5 * time.Second})
	if err != nil {
		t.Fatalf("the store does not open: %v", err)
	}
	defer s.Close()
	problems, err := s.Check(t.Context())
	check(t, err)
	for _, p := range problems {
		if !p.Minor() {
			t.Errorf("check: %v", p)
		}
	}
	if lost := s.Lost(); lost != "" {
		t.Error(lost)
	}
	return contentOf(t, s)
}

func contentOf(t *testing.T, s *store.Store) string {
	t.Helper()
	var b strings.Builder
	line := func(v any) {
		text, err := json.Marshal(v)
		check(t, err)
		b.Write(append(text, '\n'))
	}
	for e, err := range s.Entries(context.Background(), store.Query{}) {
		check(t, err)
		line(e)
	}
	for _, kind := range store.ObjectKinds() {
		objects, err := s.Objects(kind)
		check(t, err)
		for _, o := range objects {
			line(o)
		}
	}
	return b.String()
}

// noLeftovers looks for what a process that was killed leaves half-made, once a start has cleaned up.
func noLeftovers(t *testing.T, dir string) {
	t.Helper()
	for _, f := range must[[]os.DirEntry](t)(os.ReadDir(dir)) {
		if name := f.Name(); strings.HasPrefix(name, ".create-") || strings.HasSuffix(name, ".tmp") || strings.HasPrefix(name, ".restore") {
			t.Errorf("%s is left", name)
		}
	}
}

var generationMark = regexp.MustCompile(`[Gg]eneration[- ](\d+)`)

// generationsIn are the generations that a content names, each once.
func generationsIn(mark *regexp.Regexp, content string) []string {
	var found []string
	for _, m := range mark.FindAllStringSubmatch(content, -1) {
		if !slices.Contains(found, m[1]) {
			found = append(found, m[1])
		}
	}
	return found
}

// backupGeneration restores a backup into a directory of its own and tells the one generation in it. An error is no whole backup.
func backupGeneration(t *testing.T, path string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	if _, err := store.Restore(t.Context(), dir, path); err != nil {
		return "", err
	}
	found := generationsIn(generationMark, sound(t, dir))
	if len(found) != 1 {
		return "", fmt.Errorf("the backup %s holds the generations %v", path, found)
	}
	return found[0], nil
}

// TestCompactor is no test: it is the process that TestTortureKilledWrites kills while it compacts a store.
func TestCompactor(t *testing.T) {
	from, to, ok := strings.Cut(os.Getenv("DIALTREE_COMPACT"), " ")
	if !ok {
		return
	}
	s, err := store.Open(t.Context(), store.Options{Dir: from})
	check(t, err)
	defer s.Close()
	check(t, s.Compact(t.Context(), to))
}

// runTraced runs a program under a tracer to its end.
func runTraced(t *testing.T, tracer *diskfault.Tracer, env []string, args ...string) (code int, output string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), tracer.Binary, args...)
	cmd.Env = append(os.Environ(), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	_ = cmd.Run() // the exit code says how it ended
	return cmd.ProcessState.ExitCode(), out.String()
}
