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

// distrust has readers who are at a change of this content, or of the one that is about to take its place with a number up to seq, read everything again. It comes before the
// commit: from then on some may read the new content.
func (s *Store) distrust(seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trusted = max(s.trusted, s.Seq()+1, seq)
}

// distrusted tells whether the number of a change may be that of another content's.
func (s *Store) distrusted(change uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return change < s.trusted
}
