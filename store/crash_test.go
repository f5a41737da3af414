package store

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The variables by which the crash test talks to itself: the child's directory, and how many rounds of how many users to run.
const (
	crashDirEnv    = "DIALTREE_CRASH_DIR"
	crashRoundsEnv = "DIALTREE_CRASH_ROUNDS"
	crashUsersEnv  = "DIALTREE_CRASH_USERS"
)

// TestCrash kills a process with SIGKILL at random moments while it replaces all users by those of the next generation. After each kill the
// store must open, be sound, and hold one whole generation: the last that was reported as applied, or the one after it.
// DIALTREE_CRASH_ROUNDS=50 DIALTREE_CRASH_USERS=100000 go test -run TestCrash -timeout 30m ./store is the long form.
func TestCrash(t *testing.T) {
	n := number64(crashUsersEnv, 5000)
	if dir := os.Getenv(crashDirEnv); dir != "" {
		crashChild(t, dir, n)
		return
	}
	dir := t.TempDir()
	last := 0
	for round := range number64(crashRoundsEnv, 4) {
		reported := runAndKill(t, dir, n)
		s, err := Open(context.Background(), Options{Dir: dir})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		checkClean(t, s)
		got := generationOf(t, s, n)
		if reported == 0 {
			reported = last
		}
		if got != reported && got != reported+1 {
			t.Errorf("round %d: generation %d was applied, the store holds %d", round, reported, got)
		}
		last = got
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("the last generation is %d", last)
}

func number64(env string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(env)); err == nil {
		return n
	}
	return otherwise
}

// crashChild applies generation after generation, and reports each, until it is killed.
func crashChild(t *testing.T, dir string, n int) {
	s, err := Open(context.Background(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if s.Seq() == 0 {
		seed(t, s)
	}
	fmt.Println("ready")
	for generation := generationOf(t, s, n) + 1; ; generation++ {
		entries := users(n, generation)
		if generation > 1 {
			for i := range entries {
				entries[i].ID = ownedID(KindUser, "staff", entries[i].Key, 0).String()
			}
		}
		apply(t, s, Changes{Put: entries, Run: &Run{Connector: "staff"}, Undo: true})
		fmt.Println("applied", generation)
	}
}

// runAndKill runs the child for a random time and returns the last generation that it reported.
func runAndKill(t *testing.T, dir string, n int) (reported int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestCrash$")
	cmd.Env = append(os.Environ(), crashDirEnv+"="+dir, fmt.Sprintf("%s=%d", crashUsersEnv, n))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "ready" {
		rest, _ := io.ReadAll(out)
		t.Fatalf("the child says %q %s", lines.Text(), rest)
	}
	// Up to the time of several Applies, whatever their size, and whatever the machine.
	time.AfterFunc(time.Duration(rand.Int64N(int64(n)*60))*time.Microsecond, func() { cmd.Process.Kill() })
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "applied "); ok {
			if reported, err = strconv.Atoi(text); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the child ended by itself: %v", err)
	}
	return reported
}

// generationOf returns the one generation that all users are of; 0 when there are none.
func generationOf(t *testing.T, s *Store, n int) int {
	t.Helper()
	generation, count := 0, 0
	for e, err := range s.Entries(context.Background(), Query{Kind: KindUser}) {
		if err != nil {
			t.Fatal(err)
		}
		var number, of int
		if _, err := fmt.Sscanf(e.Values.First(DisplayName), "User %d of %d", &number, &of); err != nil {
			t.Fatal(err)
		}
		if generation == 0 {
			generation = of
		}
		if of != generation {
			t.Fatalf("users of the generations %d and %d", generation, of)
		}
		count++
	}
	if count != 0 && count != n {
		t.Fatalf("%d of %d users", count, n)
	}
	return generation
}
