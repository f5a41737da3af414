//go:build e2e

package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/torture"
)

// killedUsers are in each import.
var killedUsers = torture.Pick(20_000, 100_000)

// The server is killed at random moments of imports. Each time the store opens,
// its check is clean, and what it holds is what a whole run left there: the old
// or the new, never some of each.
func TestTortureKilledDuringImport(t *testing.T) {
	rounds := torture.Pick(6, 40)
	const seed = 5
	random := rand.New(rand.NewPCG(seed, 0))
	o := options(t)
	file := filepath.Join(o.Dir, "staff.csv")
	writeGeneration(t, file, 0)
	d := dialtree(t, o, fmt.Sprintf("kind: connector\nname: staff\ntemplate: csv-users\nsource: {csv: {path: %q}}\nauthentication: {method: none}\n", file))

	command(t, d, 0, "", "connector", "run", "staff")
	if got := generation(t, d); got != 0 {
		t.Fatalf("after the first import the store holds generation %d", got)
	}
	writeGeneration(t, file, 1)
	start := time.Now()
	command(t, d, 0, "", "connector", "run", "staff") // which changes everybody, as the killed ones do, and takes longer than the first
	whole := time.Since(start)

	held, kept := 1, 0
	for round := 2; round < rounds+2; round++ {
		writeGeneration(t, file, round)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			// The server dies under the command, so its outcome says nothing.
			_, _ = d.Command(t.Context(), "", "connector", "run", "staff")
		}()
		moment := time.Duration(random.Int64N(int64(whole) * 5 / 4))
		time.Sleep(moment)
		d.Kill()
		<-ended

		if err := d.Start(t.Context()); err != nil {
			t.Fatalf("round %d, killed after %v: %v", round, moment, err)
		}
		command(t, d, 0, "", "check")
		switch got := generation(t, d); got {
		case round:
			held = round
		case held:
			kept++
		default:
			t.Fatalf("round %d, killed after %v: the store holds generation %d, neither the old %d nor the new", round, moment, got, held)
		}
	}
	t.Logf("%d kills within %v, seed %d: %d left the old content, %d the new", rounds, whole, seed, kept, rounds-kept)
	if torture.Long() && (kept == 0 || kept == rounds) {
		t.Error("the kills all came before the end of the import, or all behind it: not much of a test")
	}
	torture.Note(t, disk, "Killed at random moments of an import of 100,000 users: kills, left as before, imported whole, anything else", torture.Dialtree,
		"%d, %d, %d, none", rounds, kept, rounds-kept)
}

// writeGeneration writes the users of one generation: every record differs from
// the one of the generation before.
func writeGeneration(t *testing.T, file string, generation int) {
	t.Helper()
	var b strings.Builder
	b.WriteString("username,displayname,phone\n")
	for i := range killedUsers {
		fmt.Fprintf(&b, "user%06d,Generation %d,%d\n", i, generation, 30_000+i)
	}
	check(t, os.WriteFile(file, []byte(b.String()), 0o600))
}

// generation is the one generation that all users in the store are of.
func generation(t *testing.T, d *fixture.Dialtree) int {
	t.Helper()
	out := command(t, d, 0, "", "get", "user", "-o", "csv")
	total := strings.Count(out.Stdout, "Generation ")
	if total != killedUsers {
		t.Fatalf("the store holds %d users, want %d", total, killedUsers)
	}
	_, rest, _ := strings.Cut(out.Stdout, "Generation ")
	digits := rest[:strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })]
	name := "Generation " + digits + rest[len(digits):len(digits)+1]
	if same := strings.Count(out.Stdout, name); same != total {
		t.Fatalf("the store mixes generations: %d of %d users are of generation %s", same, total, digits)
	}
	return must[int](t)(strconv.Atoi(digits))
}
