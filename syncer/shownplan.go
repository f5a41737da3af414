package syncer

import (
	"crypto/sha256"

	"github.com/dialtree/dialtree/store"
)

// A shownPlan is a plan that somebody may have seen, and that can be confirmed.
type shownPlan struct {
	job    [sha256.Size]byte // the connector
	report *Report           // with no more than maxShown changes
}

// show keeps a plan for whoever looks before he confirms it. One that changes nothing takes the place of the one before.
func (s *Syncer) show(j *job, r *Report) {
	if r.Run.PlanDigest == "" {
		s.withdraw(j.connector)
		return
	}
	seen := *r
	if seen.Run.Finished.IsZero() { // a dry run
		seen.Run.Finished = s.finished(seen.Run.Started)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown[j.connector] = &shownPlan{job: j.sum, report: &seen}
}

// withdraw forgets the plan of a connector: another run was applied since.
func (s *Syncer) withdraw(connector string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.shown, connector)
}

// shownPlan returns the plan of a connector that was seen last; nil for none.
func (s *Syncer) shownPlan(connector string) *shownPlan {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown[connector]
}

// Plan returns what a confirmed run of a connector would do, if the source and the store are still as they were: the report of the
// latest dry run, or of the one that the guard stopped after that. There is none (false) after a restart, after a run that was
// applied, and once the connector was changed. store.ErrNotFound means that there is no such connector.
func (s *Syncer) Plan(connector string) (*Report, bool, error) {
	seen := s.shownPlan(connector)
	if connector != store.HandImports {
		c, err := s.store.Connector(connector)
		if err != nil {
			return nil, false, err
		}
		sum, err := sumOf(c)
		if err != nil {
			return nil, false, err
		}
		if seen != nil && sum != seen.job {
			seen = nil
		}
	}
	if seen == nil {
		return nil, false, nil
	}
	report := *seen.report
	return &report, true, nil
}
