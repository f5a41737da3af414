package admin

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// clusterFresh is how old a picture of the cluster may be that the overview shows.
	clusterFresh = 15 * time.Second
	// missedFor is how long a node that is gone is missed: one that left on purpose would be missed for ever otherwise.
	missedFor = 24 * time.Hour
	// mostMissed bounds what is remembered of nodes that are gone.
	mostMissed = 1000
)

// A clusterWatch remembers of a cluster what a look at it does not show: what was before.
type clusterWatch struct {
	mu      sync.Mutex // guards what follows
	picture *Cluster   // the last one with etcd's members; nil: none yet
	taken   time.Time
	known   map[string]MissingNode // every node that was seen within missedFor
	places  map[string]place
	empty   time.Time // since when no node holds the election; zero: one does

	looking sync.Mutex // held while a picture is taken, with TryLock only: nobody waits for another's look
}

// A place is where a node was in the changes.
type place struct {
	index uint64
	at    time.Time // when it was first seen there, or was up to date last
}

// note remembers what a look at the cluster showed.
func (w *clusterWatch) note(c *Cluster, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.Reachable { // otherwise it is a picture of the past
		if w.known == nil {
			w.known = map[string]MissingNode{}
		}
		places := make(map[string]place, len(c.Nodes))
		for _, n := range c.Nodes {
			w.known[n.Name] = MissingNode{Name: n.Name, Page: n.Page, Seen: now.UTC().Truncate(time.Second)}
			p, ok := w.places[n.Name]
			if !ok || p.index != n.Index || n.Behind == 0 {
				p = place{n.Index, now}
			}
			places[n.Name] = p
		}
		w.places = places
		w.forget(now)
		switch {
		case c.Elected != "":
			w.empty = time.Time{}
		case w.empty.IsZero():
			w.empty = now
		}
	}
	if len(c.Members) > 0 || w.picture == nil || !c.Reachable {
		picture := *c // the caller adds to his
		w.picture, w.taken = &picture, now
	}
}

func (w *clusterWatch) forget(now time.Time) {
	for name, n := range w.known {
		if now.Sub(n.Seen) > missedFor || len(w.known) > mostMissed && w.places[name].at.IsZero() {
			delete(w.known, name)
		}
	}
}

// missing returns the nodes that were there lately and are not in a picture.
func (w *clusterWatch) missing(c *Cluster, now time.Time) []MissingNode {
	if !c.Reachable {
		return nil // nobody knows who is there
	}
	there := make(map[string]bool, len(c.Nodes))
	for _, n := range c.Nodes {
		there[n.Name] = true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []MissingNode
	for name, n := range w.known {
		if !there[name] && now.Sub(n.Seen) <= missedFor {
			out = append(out, n)
		}
	}
	slices.SortFunc(out, func(a, b MissingNode) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// stuck returns since when a node that is behind has not come further.
func (w *clusterWatch) stuck(name string) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.places[name].at
}

// unelected returns since when no node holds the election; zero: one does.
func (w *clusterWatch) unelected() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.empty
}

// full says that etcd had no room for changes when it was looked at last; empty: it had. Nothing else tells that: it answers, and refuses each change by itself.
func (w *clusterWatch) full() string {
	c, _ := w.last()
	if c == nil || !c.Reachable {
		return ""
	}
	for _, m := range c.Members {
		if m.Full {
			return m.Error
		}
	}
	return ""
}

func (w *clusterWatch) last() (*Cluster, time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.picture, w.taken
}

// lookAtCluster takes a picture of the cluster unless there is a fresh one, or somebody is about to take one. It returns the latest; nil: there is none.
func (s *Server) lookAtCluster(ctx context.Context, now time.Time) *Cluster {
	if s.options.Cluster == nil {
		return nil
	}
	w := &s.clusterWatch
	picture, taken := w.last()
	if age := now.Sub(taken); picture != nil && age >= 0 && age < clusterFresh || !w.looking.TryLock() {
		return picture
	}
	defer w.looking.Unlock()
	c, err := s.askCluster(ctx, true)
	if err != nil {
		return picture
	}
	w.note(c, now)
	return c
}

// watchCluster looks at the cluster until ctx ends, and more often while nothing can be changed, so that the end of that is told soon.
func (s *Server) watchCluster(ctx context.Context) {
	if s.options.Cluster == nil {
		return
	}
	for {
		pause := lookEvery
		if c := s.lookAtCluster(ctx, s.options.Now()); c != nil && c.Full() {
			pause = clusterFresh
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}
