package directory

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/dialtree/dialtree/store"
)

// Loaded is how the directory was brought up to a change of the store.
type Loaded struct {
	Seq     uint64
	Entries int           // that are served
	Took    time.Duration // to read and index what had changed
	Whole   bool          // everything was read
}

// sizeable is from how many changed entries on the memory that a change took for a
// while is given back at once.
const sizeable = 10_000

// Run reads the directory from the store and keeps it current until ctx ends. It
// fails where the store cannot be read.
func (t *Tree) Run(ctx context.Context) error {
	if err := t.read(); err != nil {
		return fmt.Errorf("read the directory: %w", err)
	}
	close(t.ready)
	for {
		if _, err := t.store.Wait(ctx, t.current.Load().seq); err != nil {
			if errors.Is(err, store.ErrClosed) || ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("follow the store: %w", err)
		}
		err := t.follow()
		if errors.Is(err, store.ErrTooOld) || errors.Is(err, errRead) {
			err = t.read()
		}
		if err != nil {
			return fmt.Errorf("follow the store: %w", err)
		}
	}
}

// Ready tells whether the directory was read once.
func (t *Tree) Ready() bool { return t.current.Load() != nil }

// Seq is the number of the change that searches see; 0 before anything was read.
func (t *Tree) Seq() uint64 {
	if s := t.current.Load(); s != nil {
		return s.seq
	}
	return 0
}

// fresh is how long a search waits for a change that was made before it, so that
// whoever edits a contact finds what was edited. A sync of many entries takes
// longer, and is not waited for.
const fresh = 20 * time.Millisecond

// snapshot returns the directory as it is now. It waits until it was read once.
func (t *Tree) snapshot(ctx context.Context) (*snapshot, error) {
	s := t.current.Load()
	switch {
	case s == nil:
		select {
		case <-t.ready:
			return t.current.Load(), nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	case s.seq == t.store.Seq():
		return s, nil
	}
	return t.awaitChange(), nil
}

// awaitChange waits until the directory is where the store is now.
func (t *Tree) awaitChange() *snapshot {
	want := t.store.Seq()
	timer := time.NewTimer(fresh)
	defer timer.Stop()
	for {
		t.mu.Lock()
		news := t.news
		t.mu.Unlock()
		if s := t.current.Load(); s.seq >= want || t.long.Load() {
			return s
		}
		select {
		case <-news:
		case <-timer.C:
			return t.current.Load()
		}
	}
}

// tell wakes those who wait for a change.
func (t *Tree) tell() {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.news)
	t.news = make(chan struct{})
}

// read reads everything.
func (t *Tree) read() error {
	start := time.Now()
	s := &snapshot{tree: t, made: start}
	var pace *pacer
	if t.current.Load() != nil {
		pace = &pacer{}
		t.takesLong()
	}
	err := t.store.View(func(v *store.Snapshot) error {
		containers, err := t.containersOf(v)
		if err != nil {
			return err
		}
		for i, c := range containers {
			if containers[i], err = t.load(v, c, pace); err != nil {
				return err
			}
		}
		s.seq, s.containers = v.Seq(), containers
		return nil
	})
	if err == nil {
		t.publish(s, start, true)
	}
	return err
}

func (t *Tree) publish(s *snapshot, start time.Time, whole bool) {
	entries := 0
	for _, c := range s.containers {
		entries += c.entries()
	}
	t.current.Store(s)
	t.long.Store(false)
	t.tell()
	t.loaded(Loaded{Seq: s.seq, Entries: entries, Took: time.Since(start), Whole: whole})
	if whole && entries > sizeable {
		debug.FreeOSMemory()
	}
}

// errRead says that so much has changed that reading everything is less work.
var errRead = errors.New("read everything")

// follow brings the directory up to the store.
func (t *Tree) follow() error {
	start := time.Now()
	before := t.current.Load()
	s := &snapshot{tree: t, made: before.made}
	pace := &pacer{}
	var changes map[*container]*change
	var touched []store.Ref
	err := t.store.View(func(v *store.Snapshot) error {
		sets, err := v.ChangesSince(before.seq)
		if err != nil {
			return err
		}
		touched = refsOf(sets)
		if len(touched) > mostDelta {
			t.takesLong()
		}
		counts, err := v.Counts()
		if err != nil {
			return err
		}
		if n := counts.Users + counts.Contacts + counts.SpeedDials; len(touched) > sizeable && 2*len(touched) >= n {
			return errRead
		}
		if s.containers, err = t.containersOf(v); err != nil {
			return err
		}
		s.seq = v.Seq()
		adopt(s.containers, before.containers)
		changes, err = s.changes(v, touched, pace)
		return err
	})
	if err != nil {
		return err
	}
	for i, c := range s.containers {
		if ch := changes[c]; ch != nil {
			s.containers[i] = c.apply(ch, pace)
		}
	}
	t.publish(s, start, false)
	if len(touched) > sizeable {
		debug.FreeOSMemory()
	}
	return nil
}

// refsOf are the entries that changes touched, each once, in the order in which the
// store has them.
func refsOf(sets []store.ChangeSet) []store.Ref {
	var refs []store.Ref
	for _, set := range sets {
		refs = append(refs, set.Refs...)
	}
	slices.SortFunc(refs, func(a, b store.Ref) int { return strings.Compare(a.ID, b.ID) })
	return slices.Compact(refs)
}

// takesLong lets searches not wait for the change that is being read.
func (t *Tree) takesLong() {
	t.long.Store(true)
	t.tell()
}

// changes sorts what was touched by the containers that it was in and is in.
func (s *snapshot) changes(v *store.Snapshot, touched []store.Ref, pace *pacer) (map[*container]*change, error) {
	places := make(map[string]*container, len(s.containers))
	for _, c := range s.containers {
		places[c.place()] = c
	}
	changes := make(map[*container]*change)
	of := func(c *container) *change {
		ch := changes[c]
		if ch == nil {
			ch = &change{gone: make(map[string]bool)}
			changes[c] = ch
		}
		return ch
	}
	elsewhere := make(map[string]bool) // contacts that may be in any phonebook
	for _, r := range touched {
		pace.work(30)
		e, err := v.Entry(r)
		switch {
		case errors.Is(err, store.ErrNotFound):
			if r.Kind == store.KindContact {
				elsewhere[r.ID] = true
			} else if c := places[r.Kind.String()+"/"]; c != nil {
				of(c).gone[r.ID] = true
			}
			continue
		case err != nil:
			return nil, err
		}
		c := places[r.Kind.String()+"/"+e.Phonebook]
		if c == nil {
			return nil, fmt.Errorf("%s %s is in the phonebook %q, which does not exist: run dialtree check", r.Kind, r.ID, e.Phonebook)
		}
		if _, known := c.find(r.ID); !known && r.Kind == store.KindContact {
			elsewhere[r.ID] = true
		}
		ch := of(c)
		if ch.gone[r.ID] = true; !e.Hidden() {
			ch.put = append(ch.put, e)
		}
	}
	s.seek(elsewhere, func(c *container, id string) { of(c).gone[id] = true })
	return changes, nil
}

// seek calls f for each contact with the phonebooks that have it. What of the two
// is less is gone through: the contacts, or the phonebook.
func (s *snapshot) seek(ids map[string]bool, f func(*container, string)) {
	for _, c := range s.containers {
		switch entries := c.base.len() + c.delta.len(); {
		case c.kind != store.KindContact || len(ids) == 0:
		case len(ids) < entries/16:
			for id := range ids {
				if _, ok := c.find(id); ok {
					f(c, id)
				}
			}
		default:
			for _, seg := range [...]*segment{c.base, c.delta} {
				for n := range uint32(seg.len()) {
					if id := string(seg.record(n).id()); ids[id] {
						f(c, id)
					}
				}
			}
		}
	}
}
