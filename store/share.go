package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// A store can share its content with other nodes. What a change writes then goes to a Committer first, and becomes the change behind a Position
// of all nodes; those of other nodes come by Follow. Each node has the same content at the same Position, byte for byte: entries, objects with their
// sealed secrets, runs, sessions, plans, the audit log. Its own are what was refused here, and what was noted while the others were out of reach (bucketHere).

// A Position is how far a node has followed the shared changes.
type Position struct {
	Index uint64   // counts every change from 1; unlike Seq also those that readers cannot see
	Chain [32]byte // of all changes up to it: two stores with the same chain had the same changes
}

// Unknown tells whether nobody knows what the content is that the store has, as after a restore: it can follow no change, and needs ReplaceContent.
func (p Position) Unknown() bool { return p.Index > 0 && p.Chain == [32]byte{} }

// A Membership says whose content a store shares.
type Membership struct {
	Cluster string // a UUID; empty: the store is alone
	Node    string // the UUID of this copy of the content: a store that was restored or joined anew has another
	Position
}

// An Origin is what the stores of a cluster have in common from the start.
type Origin struct {
	StoreID [16]byte
	Key     Secret // the content of the key file
}

// A Committer decides about the changes of a store that shares its content.
type Committer interface {
	// Draft returns when the store has every change that is known to be committed. Where alone is true, no other node commits until the draft ends.
	// Its errors are *AwayError or the context's.
	Draft(ctx context.Context, alone bool) (Draft, error)
}

// A Draft takes what a change writes. It is used by one goroutine.
type Draft interface {
	io.Writer
	// Commit makes what was written the change behind a position, for all nodes, and returns the new position. Its errors: *OvertakenError, *AwayError, *DoubtError,
	// the context's. Only after *DoubtError may the change have been made.
	Commit(ctx context.Context, after Position) (Position, error)
	// Discard ends the draft. After Commit it gives back what the draft held.
	Discard()
}

var (
	// ErrAway means that the other nodes cannot be reached: nothing was changed, and nothing can be for the moment.
	ErrAway = errors.New("the shared content cannot be reached")
	// ErrPosition means that a change does not follow the one that the store is at.
	ErrPosition = errors.New("this is not the next change")
)

// An AwayError says why nothing can be changed.
type AwayError struct {
	Err   error
	Since time.Time // when it began; zero: unknown
}

func (e *AwayError) Error() string {
	return fmt.Sprintf("nothing was changed: the content that this node shares with others cannot be changed now (%v): logins and searches go on; try again when etcd is back", e.Err)
}
func (e *AwayError) Unwrap() error        { return e.Err }
func (e *AwayError) Is(target error) bool { return target == ErrAway }

// An OvertakenError says that another node's change came first. Apply tries again by itself where it can.
type OvertakenError struct{}

func (e *OvertakenError) Error() string {
	return "nothing was changed: another node changed the content at the same time: try again"
}
func (e *OvertakenError) Is(target error) bool { return target == ErrConflict }

// A DoubtError says that nobody knows whether a change was made.
type DoubtError struct{ Err error }

func (e *DoubtError) Error() string {
	return fmt.Sprintf("etcd did not answer while the change was being committed (%v): whether it was made shows when etcd is back: look before doing it again", e.Err)
}
func (e *DoubtError) Unwrap() error { return e.Err }

// A MemberError refuses what the nodes of a cluster do together.
type MemberError struct{ Cluster string }

func (e *MemberError) Error() string {
	return fmt.Sprintf("nothing was changed: this store is a node of the cluster %s: run it with the section cluster of its configuration, or take it out with dialtree cluster leave", e.Cluster)
}

// Share has every later Apply of a member ask a Committer. It is called before the first Apply. A store that is a member refuses changes without one.
func (s *Store) Share(c Committer) { s.decides.Store(&c) }

// Membership returns whose content the store shares, and its position.
func (s *Store) Membership() Membership {
	if m := s.member.Load(); m != nil {
		return *m
	}
	return Membership{}
}

// shares tells whether the store is a member.
func (s *Store) shares() bool {
	m := s.member.Load()
	return m != nil && m.Cluster != ""
}

// Schema is the version of the layout that the store's content has. That of a member stays behind SchemaVersion until Upgrade.
func (s *Store) Schema() int { return int(s.schema.Load()) }
