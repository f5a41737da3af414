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
// sealed secrets, runs, sessions, the audit log. Its own are what was refused here, and what was noted while the others were out of reach (bucketHere).

// A Position is how far a node has followed the shared changes.
type Position struct {
	Index uint64   // counts every change from 1; unlike Seq also those that readers cannot see
	Chain [32]byte // of all changes up to it: two stores with the same chain had the same changes
}

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

// errContract marks what is not there yet.
var errContract = errors.New("store: sharing is not implemented")

// Share has every later Apply ask a Committer. It is called before the first Apply. A store that is a member refuses changes without one.
func (s *Store) Share(c Committer) {}

// Membership returns whose content the store shares, and its position.
func (s *Store) Membership() Membership { return Membership{} }

// Begin makes a store that is alone the first node of a cluster, at index 0.
func (s *Store) Begin(ctx context.Context, cluster string, chain [32]byte) error { return errContract }

// Leave makes a member a store of its own, with all that it has.
func (s *Store) Leave(ctx context.Context) error { return errContract }

// Origin returns what a new node needs beside the content.
func (s *Store) Origin() (Origin, error) { return Origin{}, errContract }

// Follow applies a change that was committed, as the Draft got it, in one transaction. at is its position. Its errors: ErrPosition where at is not the next index,
// *NewerSchemaError, *WriteError, *CorruptError, ErrClosed, the context's, or plain where r holds no change. One that this store has committed itself is no error and changes nothing.
func (s *Store) Follow(ctx context.Context, at Position, r io.Reader) error { return errContract }

// WriteContent writes the shared content as it is at a position, which it returns.
func (s *Store) WriteContent(ctx context.Context, w io.Writer) (Position, error) {
	return Position{}, errContract
}

// ReplaceContent makes the shared content what WriteContent wrote at a position, in one transaction. Readers that follow the changes find ErrTooOld.
func (s *Store) ReplaceContent(ctx context.Context, at Position, r io.Reader) error {
	return errContract
}

// Digest is a SHA-256 of the shared content at a position: two nodes that are at the same position have the same.
func (s *Store) Digest(ctx context.Context) (Position, [32]byte, error) {
	return Position{}, [32]byte{}, errContract
}

// Join makes a store in a directory that has none, or puts one in the place of the one that is there, which is kept with the ending .before-join. The new one has
// the origin and the content of a cluster. fill is called with the new store, which has the position 0, to call ReplaceContent and Follow. Until it returns nil, nothing is replaced.
func Join(ctx context.Context, dir, cluster string, o Origin, fill func(*Store) error) error {
	return errContract
}

// Schema is the version of the layout that the store's content has. That of a member stays behind SchemaVersion until Upgrade.
func (s *Store) Schema() int { return schemaVersion }

// Upgrade brings the content of a member to SchemaVersion by a change like any other. It is called when every node knows that version.
func (s *Store) Upgrade(ctx context.Context) error { return errContract }

// Reconcile does for all nodes what was noted at this one while they were out of reach: sessions that ended. It does nothing where there is nothing.
func (s *Store) Reconcile(ctx context.Context) error { return errContract }
