package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"testing"
)

// A sharedLog is a cluster in memory: the changes of all nodes, in order.
type sharedLog struct {
	start   Position
	changes [][]byte
	chains  [][32]byte // of each change
	away    bool
	doubt   bool                      // the next commit is made, and its answer is lost
	before  func(ctx context.Context) // a commit; it may change something at another node, once
	after   func()                    // a commit that was made, before the node learns of it
}

func (l *sharedLog) head() Position {
	if n := len(l.chains); n > 0 {
		return Position{l.start.Index + uint64(n), l.chains[n-1]}
	}
	return l.start
}

// catchUp has a store follow all changes.
func (l *sharedLog) catchUp(ctx context.Context, s *Store) error {
	for i := s.Membership().Index - l.start.Index; i < uint64(len(l.changes)); i++ {
		if err := s.Follow(ctx, Position{l.start.Index + i + 1, l.chains[i]}, bytes.NewReader(l.changes[i])); err != nil {
			return err
		}
	}
	return nil
}

// A logCommitter is a node's part in a sharedLog.
type logCommitter struct {
	l *sharedLog
	s *Store
}

func (c *logCommitter) Draft(ctx context.Context, alone bool) (Draft, error) {
	if c.l.away {
		return nil, &AwayError{Err: errors.New("cut")}
	}
	if err := c.l.catchUp(ctx, c.s); err != nil {
		return nil, err
	}
	return &logDraft{l: c.l}, nil
}

type logDraft struct {
	bytes.Buffer
	l *sharedLog
}

func (d *logDraft) Commit(ctx context.Context, after Position) (Position, error) {
	if f := d.l.before; f != nil {
		d.l.before = nil
		f(ctx)
	}
	if after != d.l.head() {
		return Position{}, &OvertakenError{}
	}
	sum := sha256.New()
	sum.Write(after.Chain[:])
	sum.Write(binary.BigEndian.AppendUint64(nil, after.Index+1))
	sum.Write(d.Bytes())
	d.l.changes, d.l.chains = append(d.l.changes, bytes.Clone(d.Bytes())), append(d.l.chains, [32]byte(sum.Sum(nil)))
	if f := d.l.after; f != nil {
		d.l.after = nil
		f()
	}
	if d.l.doubt {
		d.l.doubt = false
		return Position{}, &DoubtError{Err: errors.New("no answer")}
	}
	return d.l.head(), nil
}

func (d *logDraft) Discard() {}

const testCluster = "5f1c0de0-0000-4000-8000-000000000001"

// begin makes a store the first of a cluster.
func begin(t testing.TB, s *Store) *sharedLog {
	t.Helper()
	l := &sharedLog{start: Position{Chain: sha256.Sum256([]byte("origin"))}}
	if err := s.Begin(t.Context(), testCluster, l.start.Chain); err != nil {
		t.Fatal(err)
	}
	s.Share(&logCommitter{l, s})
	return l
}

// join makes a store a further node, with what another has.
func (l *sharedLog) join(t testing.TB, from *Store, dir string) *Store {
	t.Helper()
	o, err := from.Origin()
	if err != nil {
		t.Fatal(err)
	}
	err = Join(t.Context(), dir, testCluster, o, func(s *Store) error { return copyContent(t.Context(), from, s) })
	if err != nil {
		t.Fatal(err)
	}
	s := openDir(t, dir)
	s.Share(&logCommitter{l, s})
	return s
}

func copyContent(ctx context.Context, from, to *Store) error {
	var content bytes.Buffer
	at, err := from.WriteContent(ctx, &content)
	if err != nil {
		return err
	}
	return to.ReplaceContent(ctx, at, &content)
}

// sameContent fails where two stores at the same position differ.
func sameContent(t testing.TB, x, y *Store) {
	t.Helper()
	atX, sumX, errX := x.Digest(t.Context())
	atY, sumY, errY := y.Digest(t.Context())
	if err := errors.Join(errX, errY); err != nil {
		t.Fatal(err)
	}
	if atX == atY && sumX != sumY {
		t.Fatalf("two stores differ at the same position %d", atX.Index)
	}
	if atX.Index == atY.Index && atX != atY {
		t.Fatalf("two histories at %d", atX.Index)
	}
	if atX == atY && (x.Seq() != y.Seq() || !x.Counts().equal(y.Counts())) {
		t.Fatalf("at the same position %d: change %d and %d, %+v and %+v", atX.Index, x.Seq(), y.Seq(), x.Counts(), y.Counts())
	}
}
