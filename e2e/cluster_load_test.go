//go:build e2e

package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
)

const (
	siegeUsers  = 60   // log in with their right passwords
	siegeGuests = 200  // with wrong ones
	siegeStay   = 2500 // contacts that every file has
	siegeCome   = 2500 // contacts that each file has others of
)

// A siege is nodes under load: binds, searches, edits and syncs on all of them while something goes wrong.
type siege struct {
	t       *testing.T
	nodes   []*fixture.Node
	dir     string
	ctx     context.Context
	workers sync.WaitGroup

	accepted, refused, unknown, unreachable, searches, generations, runs, acknowledged, denied, doubtful atomic.Int64

	mu    sync.Mutex // guards what follows
	wrong int
	seen  map[string]bool // generations
	edits map[string]fate // by the contact's name
	notes map[string]*notebook
}

// A fate is what a node said of an edit.
type fate uint8

const (
	acknowledged fate = iota
	denied            // it said that nothing was changed, or was not reached
	doubtful          // it said nothing, or that it does not know
)

// A notebook is a contact that one worker alone changes.
type notebook struct {
	id       string
	sure     int          // the last that was acknowledged
	possible map[int]bool // later ones that may have been made
}

// siegeObjects are what the nodes share at first.
func siegeObjects(t *testing.T, slapd, file string) string {
	var b strings.Builder
	b.WriteString(upstream(t, plain, slapd, "", template+"\nmax_connections: 16"))
	for _, u := range siegeAccounts() {
		b.WriteString(user(u.UID))
	}
	b.WriteString("---\n" + townObjects + fmt.Sprintf(`---
kind: phonebook
name: changing
readers: [everyone]
---
kind: connector
name: changing
template: csv-phonebook
target: phonebook/changing
key: customernumber
variables: {customernumber: customernumber}
limits: {removals: 90%%}
source: {csv: {path: %q}}
schedule: "@every 10s"
`, file))
	return b.String()
}

func siegeAccounts() (users []fixture.User) {
	for i := range siegeUsers {
		users = append(users, fixture.User{UID: fmt.Sprintf("user%02d", i), Password: fmt.Sprintf("right-%02d", i)})
	}
	for i := range siegeGuests {
		users = append(users, fixture.User{UID: fmt.Sprintf("guest%03d", i), Password: fmt.Sprintf("never-guessed-%03d", i)})
	}
	return users
}

// writeSiegeFile writes the source of a generation: half of its rows are in no other.
func writeSiegeFile(file string, generation int) error {
	var b strings.Builder
	b.WriteString("customernumber,displayname,organisation,phone\n")
	for i := range siegeStay {
		fmt.Fprintf(&b, "s%d,Stays %d,Stays,+49 89 %d\n", i, i, 600000+i)
	}
	for i := range siegeCome {
		fmt.Fprintf(&b, "g%d-%d,Comes %d,Generation %d,+49 89 %d\n", generation, i, i, generation, 700000+i)
	}
	if err := os.WriteFile(file+".next", []byte(b.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(file+".next", file)
}

// every calls f with a random source of its own until the siege ends, and waits in between.
func (s *siege) every(pause time.Duration, seed int, f func(*rand.Rand)) {
	r := rand.New(rand.NewPCG(uint64(seed), 7))
	s.workers.Go(func() {
		for s.ctx.Err() == nil {
			f(r)
			select {
			case <-s.ctx.Done():
			case <-time.After(pause/2 + time.Duration(r.Int64N(int64(pause)))):
			}
		}
	})
}

// fault notes what must not be.
func (s *siege) fault(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wrong++; s.wrong <= 20 {
		s.t.Errorf(format, args...)
	}
}

func (s *siege) any(r *rand.Rand) *fixture.Node { return s.nodes[r.IntN(len(s.nodes))] }

// open connects to a node; nil where it does not answer, which is no fault: it may be dead or paused.
func (s *siege) open(n *fixture.Node) *fixture.Client {
	ctx, cancel := context.WithTimeout(s.ctx, 5*time.Second)
	defer cancel()
	c, err := fixture.Dial(ctx, n.Address, nil)
	if err != nil {
		s.unreachable.Add(1)
		return nil
	}
	return c
}

// logIn binds a few times on a connection, as one who knows the password and as one who does not.
func (s *siege) logIn(r *rand.Rand) {
	n := s.any(r)
	c := s.open(n)
	if c == nil {
		return
	}
	defer c.Close()
	for range 1 + r.IntN(6) {
		i := r.IntN(siegeUsers)
		name, password, right := fmt.Sprintf("user%02d", i), fmt.Sprintf("right-%02d", i), true
		if r.IntN(3) == 0 {
			name, password, right = fmt.Sprintf("guest%03d", r.IntN(siegeGuests)), fmt.Sprintf("wrong-%d", r.IntN(20)), false
		}
		a, err := c.Bind(name, password)
		switch {
		case err != nil:
			s.unreachable.Add(1)
			return
		case a.Code == 0 && right:
			s.accepted.Add(1)
		case a.Code == 49 && !right:
			s.refused.Add(1)
		case a.Code == 51 || a.Code == 52:
			s.unknown.Add(1)
		default:
			s.fault("%s: bind as %s, the right password %t: %d %s", n.Name, name, right, a.Code, a.Diagnostic)
		}
	}
}

// look reads all of what changes, which is of one generation on each node at each moment.
func (s *siege) look(r *rand.Rand) {
	n := s.any(r)
	c := s.open(n)
	if c == nil {
		return
	}
	defer c.Close()
	found, err := c.Search(fixture.Search{Base: "ou=changing,ou=phonebook," + fixture.DialtreeBase, Scope: fixture.SingleLevel, Attributes: []string{"o"}})
	if err != nil {
		s.unreachable.Add(1)
		return
	}
	s.searches.Add(1)
	counts := map[string]int{}
	for _, e := range found.Entries {
		counts[e.Get("o")]++
	}
	stay := counts["Stays"]
	delete(counts, "Stays")
	if found.Code != 0 || stay != siegeStay || len(counts) != 1 {
		s.fault("%s: a search sees half a sync: %d %s, %d that stay, and %v", n.Name, found.Code, found.Diagnostic, stay, counts)
		return
	}
	for generation, count := range counts {
		if count != siegeCome {
			s.fault("%s: a search sees %d of %s", n.Name, count, generation)
		}
		s.mu.Lock()
		if !s.seen[generation] {
			s.seen[generation] = true
			s.generations.Add(1)
		}
		s.mu.Unlock()
	}
}

// fateOf reads what became of a change.
func (s *siege) fateOf(status int, text string, err error) fate {
	var network *net.OpError
	switch {
	case errors.As(err, &network) && network.Op == "dial": // it was never sent: the node is dead
		s.unreachable.Add(1)
		return denied
	case err != nil:
		s.doubtful.Add(1)
		return doubtful
	case status < 300:
		s.acknowledged.Add(1)
		return acknowledged
	case strings.Contains(text, "nothing was changed"):
		s.denied.Add(1)
		return denied
	}
	s.doubtful.Add(1)
	return doubtful
}

// add makes a contact, once, on any node.
func (s *siege) add(r *rand.Rand, worker int, serial *int) {
	*serial++
	name := fmt.Sprintf("Edit %d-%d", worker, *serial)
	n := s.any(r)
	status, text, err := ask(s.ctx, n, http.MethodPost, "/api/v1/contacts", map[string]any{"phonebook": "town", "displayname": name})
	became := s.fateOf(status, text, err)
	s.mu.Lock()
	s.edits[name] = became
	s.mu.Unlock()
}

// write puts the next number into a notebook, on any node.
func (s *siege) write(r *rand.Rand, worker int, serial *int) {
	name := fmt.Sprintf("Notebook %d", worker)
	*serial++
	n := s.any(r)
	s.mu.Lock()
	book := s.notes[name]
	s.mu.Unlock()
	status, text, err := ask(s.ctx, n, http.MethodPut, "/api/v1/contacts/"+book.id,
		map[string]any{"phonebook": "town", "displayname": name, "notes": fmt.Sprint(*serial)})
	became := s.fateOf(status, text, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch became {
	case acknowledged:
		book.sure = *serial
		clear(book.possible)
	case doubtful:
		book.possible[*serial] = true
	}
}

// sync writes the next generation, and has any node take it, or leaves that to the schedule.
func (s *siege) sync(r *rand.Rand, generation *int) {
	*generation++
	if err := writeSiegeFile(filepath.Join(s.dir, "changing.csv"), *generation); err != nil {
		s.fault("%v", err)
	}
	if r.IntN(3) == 0 {
		return
	}
	if status, _, err := ask(s.ctx, s.any(r), http.MethodPost, "/api/v1/connectors/changing/run", nil); err == nil && status < 300 {
		s.runs.Add(1)
	}
}

// begin starts the load.
func (s *siege) begin() {
	s.seen, s.edits, s.notes = map[string]bool{}, map[string]fate{}, map[string]*notebook{}
	for _, n := range s.nodes {
		eventually(s.t, n.Name+" finds what changes", func() bool {
			return sees(s.t, n, "ou=changing,ou=phonebook,"+fixture.DialtreeBase, fixture.Present("o")) == siegeStay+siegeCome
		})
	}
	generation := 1
	for i := range 8 {
		s.every(30*time.Millisecond, i, s.logIn)
	}
	for i := range 4 {
		s.every(100*time.Millisecond, 10+i, s.look)
	}
	for i := range 3 {
		serial := 0
		s.every(150*time.Millisecond, 20+i, func(r *rand.Rand) { s.add(r, i, &serial) })
	}
	for i := range 2 {
		name, serial := fmt.Sprintf("Notebook %d", i), 0
		put(s.t, s.nodes[0], name)
		s.notes[name] = &notebook{id: s.idOf(s.nodes[0], name), possible: map[int]bool{0: true}}
		s.every(200*time.Millisecond, 30+i, func(r *rand.Rand) { s.write(r, i, &serial) })
	}
	s.every(2*time.Second, 40, func(r *rand.Rand) { s.sync(r, &generation) })
}

// town is all contacts that edits made, with their notes, as a node finds them.
func (s *siege) town(n *fixture.Node) (entries []fixture.Entry) {
	c := connect(s.t, n.Dialtree, plain)
	defer c.Close()
	found, err := c.Search(fixture.Search{Base: townBase, Scope: fixture.SingleLevel, Attributes: []string{"cn", "description", "uid"}})
	if err != nil || found.Code != 0 {
		s.t.Fatalf("%s: read the town: %d %s, %v", n.Name, found.Code, found.Diagnostic, err)
	}
	return found.Entries
}

func (s *siege) idOf(n *fixture.Node, name string) (id string) {
	eventually(s.t, n.Name+" finds "+name, func() bool {
		for _, e := range s.town(n) {
			if e.Get("cn") == name {
				id = e.Get("uid")
			}
		}
		return id != ""
	})
	return id
}

// judge compares what the nodes have with what was acknowledged, refused and doubtful.
func (s *siege) judge() {
	t := s.t
	for _, n := range s.nodes {
		count, notes := map[string]int{}, map[string]string{}
		for _, e := range s.town(n) {
			count[e.Get("cn")]++
			notes[e.Get("cn")] = e.Get("description")
		}
		for name, became := range s.edits {
			switch got := count[name]; {
			case got > 1:
				t.Errorf("%s: %s is there %d times", n.Name, name, got)
			case became == acknowledged && got == 0:
				t.Errorf("%s: %s was acknowledged and is not there", n.Name, name)
			case became == denied && got != 0:
				t.Errorf("%s: %s was refused and is there", n.Name, name)
			}
		}
		for name, book := range s.notes {
			last := 0
			if _, err := fmt.Sscan(notes[name], &last); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && notes[name] != "" {
				t.Errorf("%s: %s says %q", n.Name, name, notes[name])
			}
			if last != book.sure && !book.possible[last] {
				t.Errorf("%s: %s says %d, the last that was acknowledged is %d, later ones may be %v", n.Name, name, last, book.sure, book.possible)
			}
		}
		c := connect(t, n.Dialtree, plain)
		found, err := c.Search(fixture.Search{Base: "ou=changing,ou=phonebook," + fixture.DialtreeBase, Scope: fixture.SingleLevel, Attributes: []string{"o"}})
		if err != nil || len(found.Entries) != siegeStay+siegeCome {
			t.Errorf("%s: at the end it finds %d of what changes, %v", n.Name, len(found.Entries), err)
		}
		c.Close()
	}
	for what, n := range map[string]int64{"logins": s.accepted.Load(), "refusals": s.refused.Load(), "searches": s.searches.Load(), "edits": s.acknowledged.Load()} {
		if n == 0 {
			t.Errorf("there were no %s", what)
		}
	}
	if s.generations.Load() < 2 {
		t.Errorf("only %d generations were seen: no sync came through", s.generations.Load())
	}
}
