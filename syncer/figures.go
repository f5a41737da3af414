package syncer

import (
	"context"
	"time"

	"github.com/dialtree/dialtree/store"
)

// figuresEvery is how often a node looks at what the others ran.
const figuresEvery = 30 * time.Second

// keepFigures keeps the times of the last runs in the metrics those of the history until ctx ends, whichever node did them: an alert on the age of
// an import looks at any node. What is counted is counted where it is done.
func (s *Syncer) keepFigures(ctx context.Context) {
	known := map[string]bool{}
	for {
		if err := s.lookAtRuns(known); err != nil {
			s.log.Error("figures of runs are behind", "error", err)
		}
		if !wait(ctx, s.figuresEvery) {
			return
		}
	}
}

// lookAtRuns is one look. known are the connectors of the one before.
func (s *Syncer) lookAtRuns(known map[string]bool) error {
	objects, err := s.store.Objects(store.ObjectConnector)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, o := range objects {
		name, limit := o.ObjectName(), 1
		there[name] = true
		if !known[name] {
			limit = 0 // the last that was done may be long ago
		}
		runs, err := s.store.Runs(name, limit)
		if err != nil {
			return err
		}
		s.metrics.known(name, runs)
		known[name] = true
	}
	for name := range known {
		if !there[name] {
			delete(known, name)
			s.metrics.forget(name)
		}
	}
	return nil
}
