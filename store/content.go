package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"runtime"

	berrors "go.etcd.io/bbolt/errors"
)

// WriteContent writes the shared content as it is at a position, which it returns.
func (s *Store) WriteContent(ctx context.Context, w io.Writer) (Position, error) {
	var at Position
	err := s.View(func(v *Snapshot) error {
		at = readMembership(v.tx).Position
		return writeContent(ctx, v, w)
	})
	return at, err
}

func writeContent(ctx context.Context, v *Snapshot, w io.Writer) error {
	n := newNoter(&contextWriter{ctx, w}, streamContent, metaNumber(v.tx, metaSchema))
	for _, info := range layout() {
		b := v.tx.Bucket(info.name)
		if info.number == 0 || b == nil {
			continue
		}
		n.create(info.number)
		c := b.Cursor()
		for k, value := c.First(); k != nil && n.err == nil; k, value = c.Next() {
			if info.number == numberMeta && !sharedMeta(k) {
				continue
			}
			n.put(info.number, k, value)
			if n.ops%restEvery == 0 {
				runtime.Gosched()
			}
		}
	}
	return n.end()
}

// Digest is a SHA-256 of the shared content at a position: two nodes that are at the same position have the same.
func (s *Store) Digest(ctx context.Context) (Position, [32]byte, error) {
	sum := sha256.New()
	at, err := s.WriteContent(ctx, sum)
	return at, [32]byte(sum.Sum(nil)), err
}

// ReplaceContent makes the shared content what WriteContent wrote at a position, in one transaction. Readers that follow the changes find ErrTooOld. Its errors are those of Follow.
func (s *Store) ReplaceContent(ctx context.Context, at Position, r io.Reader) error {
	return s.replay(ctx, func(Membership) (bool, error) { return true, nil }, at, r, streamContent)
}

// clearShared takes away all that is shared.
func clearShared(w *writes) error {
	for _, info := range layout() {
		switch {
		case info.number == 0:
		case info.number == numberMeta:
			b := w.table(bucketMeta)
			for _, key := range [...][]byte{metaSchema, metaSeq, metaCounts, metaLogRefs} {
				if err := b.Delete(key); err != nil {
					return err
				}
			}
		default:
			if err := w.tx.DeleteBucket(info.name); err != nil && !errors.Is(err, berrors.ErrBucketNotFound) {
				return err
			}
		}
	}
	return nil
}

// A jump is from one content to another whose changes do not follow the first one's. Numbers of both may be the same.
type jump struct {
	happened bool
	from, to uint64 // the last change before, the greatest where there were several jumps, and behind
}

// past tells whether a change is one of a content that was put away.
func (j jump) past(change uint64) bool { return j.happened && change > j.to && change <= j.from }

// jump publishes the state of another content.
func (s *Store) jump(st *state) {
	s.mu.Lock()
	s.jumps = jump{happened: true, from: max(s.jumps.from, s.Seq()), to: st.seq}
	s.mu.Unlock()
	s.publish(st)
}

// jumped tells whether nobody can say what happened since a change.
func (s *Store) jumped(after uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.jumps.past(after) || s.jumps.happened && after < s.jumps.to
}
