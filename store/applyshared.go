package store

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// A manner is how a change is done.
type manner uint8

const (
	alone   manner = iota // the store is, or nothing is going to be written
	ownOnly               // what is changed is this node's own
	away                  // the others are out of reach: sessions are noted here
	shared                // with all nodes
)

// Bounds of a change in a store that shares its content.
const (
	// overtakings is how often a change is planned anew because another node's came first.
	overtakings = 50
	// manyEntries is how many entries a change puts and removes for which the others wait: planning it anew would take long.
	manyEntries = 1000
)

// applyShared makes a change one of all nodes; where they are out of reach and it is one of sessions, of this node.
func (s *Store) applyShared(ctx context.Context, c *Changes) (Applied, error) {
	applied, err := s.applyForAll(ctx, c)
	if errors.Is(err, ErrAway) && c.onlySessions() && c.changesSessions() { // audit records alone are not lost without a word
		return s.attempt(ctx, c, away, nil)
	}
	return applied, err
}

// applyForAll plans a change anew where another node's came first, but for entries that can be ranged over once.
func (s *Store) applyForAll(ctx context.Context, c *Changes) (Applied, error) {
	for try := 1; ; try++ {
		applied, err := s.tryShared(ctx, c)
		if !isOvertaken(err) || c.PutEach != nil || try == overtakings {
			return applied, err
		}
	}
}

func isOvertaken(err error) bool {
	var overtaken *OvertakenError
	return errors.As(err, &overtaken)
}

// tryShared begins the draft before the writer's token is taken: the draft waits for Follow, which takes the token, too.
func (s *Store) tryShared(ctx context.Context, c *Changes) (Applied, error) {
	draft, err := s.draft(ctx, c.PutEach != nil || len(c.Put)+len(c.Remove) > manyEntries)
	if err != nil {
		return Applied{}, err
	}
	defer draft.Discard()
	return s.attempt(ctx, c, shared, draft)
}

// draft begins a change of all nodes.
func (s *Store) draft(ctx context.Context, alone bool) (Draft, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c := s.decides.Load()
	if c == nil {
		return nil, &MemberError{Cluster: s.Membership().Cluster}
	}
	return (*c).Draft(ctx, alone)
}

// share has an applier note what it writes.
func (a *applier) share(how manner, draft io.Writer) {
	a.how = how
	switch how {
	case ownOnly, away:
		a.w.ownOnly = true
	case shared:
		a.w.note = newNoter(draft, streamChange, a.s.schema.Load())
	default:
		return
	}
	a.entries = a.w.table(bucketEntries)
}

// commitShared makes what was noted a change of all nodes and then this store's. Between the two nothing but the disk can stop it. A node whose disk does gets the
// change by Follow once it can write again.
func (s *Store) commitShared(ctx context.Context, w *writes, draft Draft) error {
	if err := w.note.end(); err != nil {
		return err
	}
	m := s.Membership()
	var err error
	if m.Position, err = draft.Commit(ctx, m.Position); err != nil {
		return err
	}
	if err := s.commitAt(w, m); err != nil {
		return s.made(err)
	}
	return nil
}

// commitAt commits what puts a member at a position.
func (s *Store) commitAt(w *writes, m Membership) (err error) {
	defer s.contain(&err, true)
	if err := putPosition(w, m.Position); err != nil {
		return err
	}
	if err := s.commit(w.tx); err != nil {
		return err
	}
	s.member.Store(&m)
	return nil
}

// made says of an error that the other nodes have the change.
func (s *Store) made(err error) error {
	var failed *WriteError
	if !errors.As(err, &failed) {
		return fmt.Errorf("the change was made for all nodes, but this one could not take it over: %w", err)
	}
	made := *failed
	made.Made = true
	s.failed.Store(&made)
	return &made
}

// local tells whether a change concerns this node only: what was refused at it, sessions that only it knows.
func (s *Store) local(c *Changes) bool {
	if !c.onlySessions() || len(c.Audit)+len(c.PutSessions) > 0 {
		return false
	}
	if !c.changesSessions() {
		return true
	}
	all, err := view(s, func(v *Snapshot) (bool, error) {
		for _, id := range c.EndSessions {
			if !onlyHere(v.tx, id) {
				return false, nil
			}
		}
		for _, seen := range c.SeenSessions {
			if !isHere(v.tx, seen.ID) {
				return false, nil
			}
		}
		return true, nil
	})
	return all && err == nil
}

// onlySessions tells whether a change consists of sessions, audit records and refusals.
func (c *Changes) onlySessions() bool {
	return len(c.Put)+len(c.Remove)+len(c.PutObjects)+len(c.RemoveObjects)+len(c.Expect) == 0 && c.PutEach == nil && c.Run == nil && !c.changesPlans()
}
