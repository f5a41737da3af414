//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// leaseTime is how long what a node holds in etcd outlives it.
const leaseTime = 10 * time.Second

// Schedules run on one node; when it is killed, on another. No run is made twice.
func clusterSchedules(t *testing.T) {
	o := nodesOptions(t)
	var fetched atomic.Int64 // numbers every reading of the source
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := fetched.Add(1)
		fmt.Fprintf(w, "displayname,phone,organisation\nScheduled,+49 30 1234,Reading %d\n", n)
	}))
	defer source.Close()
	nodes := startNodes(t, 3, o, townObjects+fmt.Sprintf("---\nkind: connector\nname: often\ntemplate: csv-phonebook\ntarget: phonebook/town\nkey: displayname\nsource: {csv: {url: %q}}\nschedule: \"@every 10s\"\n", source.URL))
	on, rest := elected(t, nodes...)
	eventually(t, "a run was made", func() bool { return len(history(t, rest[0], "often")) >= 1 })
	on.Kill()
	killed := time.Now()
	next, _ := elected(t, rest...)
	eventually(t, "another node is elected", func() bool { next, _ = elected(t, rest...); return next != on })
	moved := time.Since(killed)
	runs := len(history(t, next, "often"))
	eventually(t, "the other one makes runs", func() bool { return len(history(t, next, "often")) > runs })
	check(t, on.Start(t.Context()))
	time.Sleep(leaseTime + 2*time.Second) // one more, with all there again
	made := history(t, next, "often")
	slices.Reverse(made)
	again := 0 // runs that etcd kept from being recorded
	for _, n := range nodes {
		again += strings.Count(n.Output(), `"msg":"connector will be tried again"`)
	}
	for i := 1; i < len(made); i++ {
		if between := made[i].Started.Sub(made[i-1].Started); between < 5*time.Second && again == 0 { // one that etcd held up begins late
			t.Errorf("the runs %s and %s are %v apart, which is a double run", made[i-1].ID, made[i].ID, between)
		}
	}
	if n := int(fetched.Load()); n > len(made)+1+again { // one may have been killed
		t.Errorf("the source was read %d times for %d runs", n, len(made))
	}
	t.Logf("elected again after %v; %d runs", moved.Round(time.Millisecond), len(made))
	together(t, nodes...)
}

// The elected node is paused in the middle of a run, for longer than its lease. Another one does the run. What the first had in hand is not
// committed when it comes back.
func pausedOnDuty(t *testing.T) {
	o := nodesOptions(t)
	reading := make(chan struct{}, 100)
	var first atomic.Bool
	release := make(chan struct{})
	goOn := sync.OnceFunc(func() { close(release) })
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		generation := "New"
		if first.CompareAndSwap(false, true) {
			generation = "Old"
			reading <- struct{}{}
			<-release
		}
		for i := range 1000 {
			if i == 0 {
				fmt.Fprintln(w, "displayname,phone,organisation")
			}
			fmt.Fprintf(w, "Slow %d,+49 30 1234%d,%s\n", i, i, generation)
		}
	}))
	defer source.Close()
	defer goOn() // which Close waits for
	nodes := startNodes(t, 3, o, townObjects+fmt.Sprintf("---\nkind: connector\nname: slow\ntemplate: csv-phonebook\ntarget: phonebook/town\nkey: displayname\nsource: {csv: {url: %q}}\nschedule: \"@every 10s\"\n", source.URL))
	on, rest := elected(t, nodes...)
	select {
	case <-reading:
	case <-time.After(time.Minute):
		t.Fatal("nobody runs the schedule")
	}
	check(t, on.Signal(syscall.SIGSTOP))
	stopped := time.Now()
	goOn() // all of it lies in the socket of the one that is paused
	eventually(t, "another node has done the run", func() bool {
		return sees(t, rest[0], townBase, fixture.Equal("o", "New")) == 1000
	})
	t.Logf("another node did the run %v after the pause began", time.Since(stopped).Round(time.Millisecond))
	if paused := time.Since(stopped); paused < leaseTime+2*time.Second {
		time.Sleep(leaseTime + 2*time.Second - paused)
	}
	runs := len(history(t, rest[0], "slow"))
	position := together(t, rest...).DigestIndex
	check(t, on.Signal(syscall.SIGCONT))
	failed := func() bool {
		return strings.Contains(on.Output(), `"msg":"connector did not import","connector":"slow"`)
	}
	for begin := time.Now(); time.Since(begin) < 3*time.Second || !failed(); {
		if time.Since(begin) > time.Minute {
			t.Fatalf("the one that came too late does not say that its run failed: %s", withoutBinds(on.Output(), 10))
		}
		for _, n := range nodes {
			if old := sees(t, n, townBase, fixture.Equal("o", "Old")); old != 0 {
				t.Fatalf("%s: %d contacts are of the run that came too late", n.Name, old)
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	end := together(t, nodes...)
	runs = len(history(t, rest[0], "slow")) - runs // others may be due
	if end.DigestIndex > position+uint64(max(1, runs)) {
		t.Errorf("from position %d to %d: something was committed by the one that came too late", position, end.DigestIndex)
	}
}

// running has a node run a connector, and returns when its source is read. What is returned is what the command wrote at its end.
func running(t *testing.T, n *fixture.Node, connector string, reading <-chan struct{}) <-chan fixture.Output {
	t.Helper()
	for {
		ended := make(chan fixture.Output, 1)
		go func() {
			out, _ := n.Command(t.Context(), "", "connector", "run", connector)
			ended <- out
		}()
		select {
		case <-reading:
			return ended
		case out := <-ended:
			if !mayBeTriedAgain(out.Stdout + out.Stderr) {
				t.Fatalf("%s: the run of %s ended before it read anything: %d %s%s", n.Name, connector, out.Code, out.Stdout, out.Stderr)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s does not run %s", n.Name, connector)
		}
	}
}

// A connector that runs on one node does not run on another at the same time, by hand either.
func runsOnce(t *testing.T) {
	o := nodesOptions(t)
	reading, release := make(chan struct{}, 10), make(chan struct{})
	goOn := sync.OnceFunc(func() { close(release) })
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reading <- struct{}{}
		<-release
		fmt.Fprintln(w, "displayname,phone\nClaimed,+49 30 1234")
	}))
	defer source.Close()
	defer goOn() // which Close waits for
	nodes := startNodes(t, 2, o, townObjects+fmt.Sprintf("---\nkind: connector\nname: claimed\ntemplate: csv-phonebook\ntarget: phonebook/town\nkey: displayname\nsource: {csv: {url: %q}}\n", source.URL))
	ended := running(t, nodes[0], "claimed", reading)
	out := must[fixture.Output](t)(nodes[1].Command(t.Context(), "", "connector", "run", "claimed"))
	if out.Code == 0 || !strings.Contains(out.Stderr, "node1") {
		t.Errorf("the same run on another node: %d %s%s", out.Code, out.Stdout, out.Stderr)
	}
	// How far it is can be seen from the other node.
	eventually(t, "the other node tells of the run", func() bool {
		return strings.Contains(owner(nodes[1].Dialtree).ask(t, http.MethodGet, "/api/v1/overview", nil).body, "claimed")
	})
	goOn()
	if out := <-ended; out.Code != 0 {
		t.Errorf("the run: %d %s%s", out.Code, out.Stdout, out.Stderr)
	}
	everywhere(t, "Claimed", 1, nodes...)
	changing(t, nodes[1], 0, "connector", "run", "claimed")
}

// A killed node's claim does not keep the others from the connector once its lease is over.
func claimOfTheDead(t *testing.T) {
	o := nodesOptions(t)
	hold := make(chan struct{})
	reading := make(chan struct{}, 10)
	var dead atomic.Bool
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !dead.Load() {
			reading <- struct{}{}
			select {
			case <-hold:
			case <-r.Context().Done():
			}
			return
		}
		fmt.Fprint(w, "displayname,phone\nAfter the dead,+49 30 1\n")
	}))
	defer source.Close()
	defer close(hold)
	nodes := startNodes(t, 2, o, townObjects+fmt.Sprintf("---\nkind: connector\nname: held\ntemplate: csv-phonebook\ntarget: phonebook/town\nkey: displayname\nsource: {csv: {url: %q}}\n", source.URL))
	running(t, nodes[0], "held", reading)
	dead.Store(true)
	nodes[0].Kill()
	start := time.Now()
	eventually(t, "the other node may run it", func() bool {
		out, err := nodes[1].Command(t.Context(), "", "connector", "run", "held")
		return err == nil && out.Code == 0
	})
	t.Logf("the claim of the dead held for %v", time.Since(start).Round(time.Millisecond))
	everywhere(t, "After the dead", 1, nodes[1])
}
