package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"

	"go.etcd.io/bbolt"
)

// Follow applies a change that was committed, as the Draft got it, in one transaction. at is its position. Its errors: ErrPosition where at is not the next index,
// or the store's position is unknown, *NewerSchemaError, *WriteError, *CorruptError, ErrClosed, the context's, or plain where r holds no change. One that this store has
// already, as its own are, is no error and changes nothing.
func (s *Store) Follow(ctx context.Context, at Position, r io.Reader) error {
	return s.replay(ctx, func(m Membership) (bool, error) {
		switch {
		case m.Position.Unknown(), at.Index == m.Index && at.Chain != m.Chain, at.Index > m.Index+1:
			return false, fmt.Errorf("%w: it is number %d, and this node is at %d", ErrPosition, at.Index, m.Index)
		}
		return at.Index == m.Index+1, nil
	}, at, r, streamChange)
}

// replay writes what a stream holds, where wanted is true of the membership.
func (s *Store) replay(ctx context.Context, wanted func(Membership) (bool, error), at Position, r io.Reader, what byte) error {
	return s.write(ctx, func(tx *bbolt.Tx) error {
		m := s.Membership()
		if m.Cluster == "" {
			return errors.New("follow changes: the store is the node of no cluster")
		}
		if yes, err := wanted(m); err != nil || !yes {
			return err
		}
		p := &replayer{ctx: ctx, s: s, w: &writes{tx: tx}}
		st, err := p.run(r, what)
		if err != nil {
			return fmt.Errorf("take over change %d of the cluster: %w", at.Index, err)
		}
		if what == streamContent {
			s.distrust(st.seq)
		}
		m.Position = at
		if err := s.commitAt(p.w, m); err != nil {
			return err
		}
		s.schema.Store(p.schema)
		if what == streamContent || st.seq != s.Seq() {
			s.publish(st)
		}
		return nil
	})
}

// A replayer writes what a stream holds.
type replayer struct {
	ctx    context.Context
	s      *Store
	w      *writes
	in     *deltaReader
	schema uint64 // afterwards
	tables [256]*bbolt.Bucket
	values arena // bbolt holds on to them until the commit
}

// run returns what is to be published.
func (p *replayer) run(r io.Reader, what byte) (_ *state, err error) {
	if p.in, err = readDelta(r, what); err != nil {
		return nil, err
	}
	p.schema = p.in.schema
	if err := p.checkSchema(); err != nil {
		return nil, err
	}
	if what == streamContent {
		if err := clearShared(p.w); err != nil {
			return nil, err
		}
	}
	if err := p.writes(what); err != nil {
		return nil, err
	}
	if err := p.ctx.Err(); err != nil {
		return nil, err
	}
	return p.check(what)
}

// checkSchema refuses what this program does not know.
func (p *replayer) checkSchema() error {
	switch {
	case p.schema > schemaVersion:
		return &NewerSchemaError{Path: p.s.db.Path(), Have: int(p.schema), Known: schemaVersion}
	case p.schema+1 < schemaVersion:
		return fmt.Errorf("the content has schema version %d, and this dialtree works with %d and %d: run one on every node first that knows version %d", p.schema, schemaVersion-1, schemaVersion, p.schema+1)
	}
	return nil
}

func (p *replayer) writes(what byte) error {
	var x delta
	for i := 0; ; i++ {
		switch err := p.in.next(&x); {
		case err == io.EOF:
			p.values, p.tables = arena{}, [256]*bbolt.Bucket{}
			if i > 3*large {
				runtime.GC() // as applier.collect
			}
			return nil
		case err != nil:
			return err
		}
		if i%restEvery == restEvery-1 {
			runtime.Gosched()
			if err := p.ctx.Err(); err != nil {
				return err
			}
		}
		if err := p.write(&x, what); err != nil {
			return err
		}
	}
}

func (p *replayer) write(x *delta, what byte) error {
	b := p.tables[x.bucket]
	if b == nil {
		var err error
		if b, err = p.w.tx.CreateBucketIfNotExists(p.in.buckets[x.bucket]); err != nil {
			return err
		}
		p.tables[x.bucket] = b
		if what == streamContent {
			b.FillPercent = 0.9 // it comes in order
		}
	}
	switch x.kind {
	case deltaPut:
		return b.Put(x.key, p.values.keep(x.value))
	case deltaDelete:
		return b.Delete(x.key)
	case deltaFill:
		b.FillPercent = x.percent
	}
	return nil
}

// check looks whether what was written makes a store, before it is committed.
func (p *replayer) check(what byte) (*state, error) {
	tx := p.w.tx
	if have := metaNumber(tx, metaSchema); have != p.schema {
		return nil, fmt.Errorf("%w: it says schema version %d and has %d", errStream, p.schema, have)
	}
	for _, b := range layout() {
		if b.since > p.schema || tx.Bucket(b.name) != nil {
			continue
		}
		if b.number != 0 {
			return nil, fmt.Errorf("%w: the bucket %s is missing", errStream, b.name)
		}
		if err := p.w.createBucket(b.name); err != nil { // a step brought it, and each node makes its own
			return nil, err
		}
	}
	counts, err := readCounts(tx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errStream, err)
	}
	seq := metaNumber(tx, metaSeq)
	if had := p.s.Seq(); what == streamChange && seq != had && seq != had+1 {
		return nil, fmt.Errorf("%w: its change %d follows change %d", errStream, seq, had)
	}
	return &state{seq: seq, counts: counts}, nil
}
