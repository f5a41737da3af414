package syncer

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/dialtree/dialtree/store"
)

// Most runs of a schedule find the file as it was. Such a run needs not read it: when neither the file, nor the connector, nor any entry of
// the kind has changed since a run that left nothing open, the plan would change nothing and reject what was rejected then. What that needs is
// kept in memory, a few hundred bytes for a connector; after a restart the first run reads the file. A run that is in doubt reads it, too.

// A recollection is what a run found that left nothing open.
type recollection struct {
	job      [sha256.Size]byte // the connector
	file     [sha256.Size]byte
	seq      uint64 // the change of the store that it is true at
	accepted int
	rejected int
	rejects  []namedReject
	notes    []string // without those of fetching the file
}

// recall returns the plan of a run that finds everything as it was; nil where it may not be so.
func (s *Syncer) recall(ctx context.Context, j *job, r *Report) (*plan, error) {
	if j.file == nil {
		return nil, nil
	}
	sum, err := j.file.fetch(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	last := s.recalled[j.connector]
	s.mu.Unlock()
	if last == nil || last.job != j.sum || last.file != sum {
		return nil, nil
	}
	seq, same, err := s.sameEntries(j.kind, last.seq)
	if err != nil || !same {
		return nil, err
	}
	still := *last
	still.seq = seq
	s.keep(j.connector, &still)
	r.Notes = slices.Concat(j.file.noted, last.notes)
	return &plan{job: j, store: s.store, recalled: true, accepted: last.accepted, unchanged: last.accepted, rejected: last.rejected, rejects: last.rejects}, nil
}

// sameEntries tells whether no entry of a kind was touched since a change, and up to which.
func (s *Syncer) sameEntries(k store.Kind, since uint64) (seq uint64, same bool, err error) {
	sets, err := s.store.ChangesSince(since)
	switch {
	case errors.Is(err, store.ErrTooOld):
		return 0, false, nil
	case err != nil:
		return 0, false, err
	}
	seq = since
	for _, set := range sets {
		if slices.ContainsFunc(set.Refs, func(r store.Ref) bool { return r.Kind == k }) {
			return 0, false, nil
		}
		seq = set.Seq
	}
	return seq, true, nil
}

// keep replaces what is remembered of a connector; nil for nothing.
func (s *Syncer) keep(connector string, found *recollection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.recalled, connector)
	if found != nil {
		s.recalled[connector] = found
	}
}

// remember keeps what an applied plan found, or forgets what was kept.
func (s *Syncer) remember(p *plan, seq uint64, r *Report) {
	if p.recalled {
		return
	}
	var found *recollection
	if p.leavesNothingOpen(seq) {
		found = &recollection{
			job: p.job.sum, file: p.job.file.sum, seq: seq,
			accepted: p.accepted, rejected: p.rejected, rejects: p.rejects, notes: slices.Clone(r.Notes[len(p.job.file.noted):]),
		}
	}
	s.keep(p.job.connector, found)
}

// leavesNothingOpen tells whether the same file must come to a plan that changes nothing, once this one was applied as change seq.
func (p *plan) leavesNothingOpen(seq uint64) bool {
	changed := uint64(0)
	if len(p.about)+len(p.remove) > 0 {
		changed = 1
	}
	switch {
	case p.job.file == nil, p.hidden > 0, p.lost > 0, len(p.hide)+len(p.displaced)+len(p.claims)+len(p.clashes) > 0:
		return false // time, another connector or the next run may decide otherwise
	case p.job.auth.Method == store.AuthInternal && changed > 0:
		return false // what is said of passwords depends on who has one already
	}
	return seq == p.seq+changed // else somebody's change came between the plan and its own
}

// sumOf identifies a connector with all that is written in it.
func sumOf(c *store.Connector) ([sha256.Size]byte, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("connector %s: %w", c.Name, err)
	}
	return sha256.Sum256(text), nil
}
