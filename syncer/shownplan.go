package syncer

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/dialtree/dialtree/store"
)

// A plan that somebody may have seen is kept in the store, so that each node can show and confirm it, and so that a restart keeps it. It is
// kept in memory only where the store cannot have it: what a file shows that is imported by hand, of which only this node has the content,
// and what a dry run shows while nothing can be changed.

// maxKept bounds a kept plan, in bytes of JSON. The store takes no more.
const maxKept = 1 << 20

// A shownPlan is a plan that can be confirmed.
type shownPlan struct {
	Job    string  `json:"job"`    // the digest of the connector as it was
	Report *Report `json:"report"` // with no more than maxShown changes; as in all reports, no secret is in it
	Cut    bool    `json:"cut,omitempty"`
}

// shownOf is what is kept of a report; nil where it has nothing that could be confirmed.
func (s *Syncer) shownOf(j *job, r *Report) *shownPlan {
	if r.Run.PlanDigest == "" {
		return nil
	}
	seen := *r
	seen.Run.Fetch = nil            // of no use to whoever looks
	if seen.Run.Finished.IsZero() { // a dry run
		seen.Run.Finished = s.finished(seen.Run.Started)
	}
	return &shownPlan{Job: hex.EncodeToString(j.sum[:]), Report: &seen}
}

// encode writes the plan for the store. It leaves out changes where they are too many bytes.
func (seen *shownPlan) encode() ([]byte, error) {
	for {
		text, err := json.Marshal(seen)
		if err != nil {
			return nil, fmt.Errorf("write the plan: %w", err)
		}
		if len(text) <= maxKept {
			return text, nil
		}
		if len(seen.Report.Changes) == 0 {
			return nil, fmt.Errorf("the plan without its changes is larger than %d bytes", maxKept)
		}
		fewer := *seen.Report
		fewer.Changes = fewer.Changes[:len(fewer.Changes)/2]
		seen = &shownPlan{Job: seen.Job, Report: &fewer, Cut: true}
	}
}

// show keeps the plan of a dry run for whoever looks before he confirms it. One that changes nothing takes the place of the one before.
func (s *Syncer) show(ctx context.Context, j *job, r *Report) {
	seen := s.shownOf(j, r)
	s.showHere(j.connector, seen) // at first: what is shown now is what counts, whatever becomes of the other
	if j.byHand {
		return
	}
	changes := &store.Changes{}
	if seen == nil {
		if _, err := s.store.Plan(j.connector); errors.Is(err, store.ErrNotFound) {
			return
		}
		changes.ForgetPlans = []string{j.connector}
	} else if err := changesToShow(changes, seen, j.connector); err != nil {
		s.log.Warn("plan is not kept in the store", "connector", j.connector, "error", err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	switch _, err := s.store.Apply(ctx, changes); {
	case err == nil:
		s.showHere(j.connector, nil)
	case errors.Is(err, store.ErrAway): // everybody knows by now
		r.note("only this node knows the plan, because etcd is away: make the dry run again to confirm it at another one")
	default:
		s.log.Warn("plan is not kept in the store", "connector", j.connector, "error", err)
	}
}

// planChanges adds what a run does to the kept plan to what it writes: the one that the guard stopped is kept, and one that was applied puts an
// end to what was shown before. It returns what is to be kept in memory.
func (s *Syncer) planChanges(c *store.Changes, j *job, r *Report) *shownPlan {
	if r.Run.Result == store.RunDone {
		c.ForgetPlans = []string{j.connector}
		return nil
	}
	seen := s.shownOf(j, r)
	if j.byHand || seen == nil {
		return seen
	}
	if err := changesToShow(c, seen, j.connector); err != nil {
		s.log.Warn("plan is not kept in the store", "connector", j.connector, "error", err)
		return seen
	}
	return nil
}

// changesToShow adds a plan to what is written.
func changesToShow(c *store.Changes, seen *shownPlan, connector string) error {
	text, err := seen.encode()
	if err == nil {
		c.PutPlans = append(c.PutPlans, store.Plan{Connector: connector, Data: text})
	}
	return err
}

// showHere keeps a plan in memory; nil forgets it.
func (s *Syncer) showHere(connector string, seen *shownPlan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.shown, connector)
	if seen != nil {
		s.shown[connector] = seen
	}
}

// shownPlan returns the plan of a connector that was seen last; nil for none.
func (s *Syncer) shownPlan(connector string) (*shownPlan, error) {
	s.mu.Lock()
	here := s.shown[connector]
	s.mu.Unlock()
	if over, err := s.isOver(connector, here); err != nil {
		return nil, err
	} else if over {
		here = nil
	}
	text, err := s.store.Plan(connector)
	if errors.Is(err, store.ErrNotFound) {
		return here, nil
	}
	if err != nil {
		return nil, err
	}
	kept, err := decodeShown(text)
	if err != nil {
		s.log.Warn("kept plan cannot be read", "connector", connector, "error", err) // it is that of a newer program, or none
		return here, nil
	}
	if here != nil && here.Report.Run.Finished.After(kept.Report.Run.Finished) {
		return here, nil
	}
	return kept, nil
}

// isOver tells whether a connector has run since a plan was shown that is in memory: another node, which did the run, could not forget it.
func (s *Syncer) isOver(connector string, here *shownPlan) (bool, error) {
	if here == nil || connector == store.HandImports { // the file is here, whatever others imported elsewhere
		return false, nil
	}
	runs, err := s.store.Runs(connector, 0)
	return slices.ContainsFunc(runs, func(r store.Run) bool {
		return r.Result == store.RunDone && r.Finished.After(here.Report.Run.Finished)
	}), err
}

func decodeShown(text []byte) (*shownPlan, error) {
	seen := &shownPlan{}
	if err := json.Unmarshal(text, seen); err != nil {
		return nil, err
	}
	if seen.Report == nil || seen.Report.Run.PlanDigest == "" {
		return nil, errors.New("it has no plan")
	}
	seen.Report.cut = seen.Cut
	return seen, nil
}

// Plan returns what a confirmed run of a connector would do, if the source and the store are still as they were: the report of the
// latest dry run, or of the one that the guard stopped after that, on any node. There is none (false) after a run that was
// applied, and once the connector was changed. store.ErrNotFound means that there is no such connector.
func (s *Syncer) Plan(connector string) (*Report, bool, error) {
	seen, err := s.shownPlan(connector)
	if err != nil {
		return nil, false, err
	}
	if connector != store.HandImports {
		c, err := s.store.Connector(connector)
		if err != nil {
			return nil, false, err
		}
		sum, err := sumOf(c)
		if err != nil {
			return nil, false, err
		}
		if seen != nil && seen.Job != hex.EncodeToString(sum[:]) {
			seen = nil
		}
	}
	if seen == nil {
		return nil, false, nil
	}
	report := *seen.Report
	return &report, true, nil
}
