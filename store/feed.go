package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
)

// How far back the log of changes reaches: whichever comes first. The last change is always there. Two million references take 16 MB.
const (
	logSets = 1000
	logRefs = 2_000_000
)

// A ChangeSet names what one change touched. Whether a thing was put or removed is seen by reading it: by then later changes may
// have touched it again.
type ChangeSet struct {
	Seq     uint64
	Refs    []Ref
	Objects []ObjectRef
}

// Seq returns the number of the last change.
func (s *Store) Seq() uint64 { return s.state.Load().seq }

// Wait returns the number of the last change as soon as it is greater than after, or smaller since ReplaceContent has put a content away. It ends with the context, or with ErrClosed.
func (s *Store) Wait(ctx context.Context, after uint64) (uint64, error) {
	for {
		s.mu.Lock()
		changed, closed, trusted := s.changed, s.closed, s.trusted
		s.mu.Unlock()
		if closed {
			return 0, ErrClosed
		}
		if seq := s.Seq(); seq > after || seq < after && after < trusted {
			return seq, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// publish makes a commit visible to Seq, Counts and Wait.
func (s *Store) publish(st *state) {
	s.state.Store(st)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		close(s.changed)
		s.changed = make(chan struct{})
	}
}

// ChangesSince returns the changes after a number, in order. It fails with ErrTooOld when the log no longer reaches back that far, or
// when the number is not one of this store yet, as after a restore.
func (s *Store) ChangesSince(after uint64) ([]ChangeSet, error) {
	return view(s, func(v *Snapshot) ([]ChangeSet, error) { return v.ChangesSince(after) })
}

// ChangesSince is Store.ChangesSince at the snapshot: together with its reads, a follower is exactly at Seq.
func (v *Snapshot) ChangesSince(after uint64) ([]ChangeSet, error) {
	seq := v.Seq()
	switch {
	case v.s.distrusted(after):
		return nil, ErrTooOld
	case after == seq:
		return nil, nil
	}
	c := v.tx.Bucket(bucketLog).Cursor()
	k, value := c.Seek(number(after + 1))
	if after > seq || len(k) != 8 || binary.BigEndian.Uint64(k) != after+1 {
		return nil, ErrTooOld
	}
	sets := make([]ChangeSet, 0, seq-after)
	for ; k != nil; k, value = c.Next() {
		set, err := decodeChangeSet(k, value)
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	return sets, nil
}

// appendLog logs a change and drops the oldest ones that are too many.
func appendLog(w *writes, seq uint64, ops []*op, objects []ObjectRef) error {
	b := w.table(bucketLog)
	value := make([]byte, 0, 16+8*len(ops))
	value = binary.AppendUvarint(value, uint64(len(ops)))
	for _, o := range ops {
		value = append(value, o.id[:]...)
	}
	for _, o := range objects {
		value = appendText(value, string(o.Kind)+"/"+o.Name)
	}
	b.fill(1) // only ever appended to
	if err := b.Put(number(seq), value); err != nil {
		return err
	}
	total := metaNumber(w.tx, metaLogRefs) + uint64(len(ops))
	for {
		k, v := b.Cursor().First()
		first := binary.BigEndian.Uint64(k)
		if first == seq || seq-first < logSets && total <= logRefs {
			break
		}
		n, _ := binary.Uvarint(v)
		total -= min(n, total)
		if err := b.Delete(number(first)); err != nil {
			return err
		}
	}
	return w.putMetaNumber(metaLogRefs, total)
}

var errLog = errors.New("the log of changes is damaged: run dialtree check")

func decodeChangeSet(key, value []byte) (ChangeSet, error) {
	if len(key) != 8 {
		return ChangeSet{}, errLog
	}
	set := ChangeSet{Seq: binary.BigEndian.Uint64(key)}
	n, size := binary.Uvarint(value)
	if size <= 0 || n > uint64(len(value)-size)/8 {
		return ChangeSet{}, fmt.Errorf("change %d: %w", set.Seq, errLog)
	}
	rest := value[size:]
	set.Refs = make([]Ref, n)
	for i := range set.Refs {
		set.Refs[i] = id(rest[8*i : 8*i+8]).ref()
	}
	r := reader{text: string(rest[8*n:])}
	for r.at < len(r.text) {
		o := parseSealedKey([]byte(r.string()))
		if r.failed {
			return ChangeSet{}, fmt.Errorf("change %d: %w", set.Seq, errLog)
		}
		set.Objects = append(set.Objects, o.Object)
	}
	return set, nil
}
