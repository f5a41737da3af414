package syncer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dialtree/dialtree/store"
)

// Several nodes may share one content. One of them at a time runs the schedules, and one node at a time runs a connector; what somebody starts
// runs on the node that he asked. Who it is, others decide: these are what they have to do for that.

// Duty says which node runs the schedules.
type Duty interface {
	// OnDuty waits until this node runs the schedules. The context that it returns descends from ctx and ends when this node no longer runs them;
	// no Apply under it, or under what descends from it, changes anything after that. Its error is that of ctx.
	OnDuty(ctx context.Context) (context.Context, error)
}

// Claims say which node runs a connector.
type Claims interface {
	// Claim makes a run of a connector this node's, until release. by is who started it. The context that it returns descends from ctx and ends, with a cause, when the
	// claim is lost; no Apply under it changes anything after that. Where another node runs the connector, taken says which, and nothing is claimed. While nobody
	// can know, the error is store.ErrAway.
	Claim(ctx context.Context, connector, by string) (claimed context.Context, release func(), taken *Taken, err error)
}

// Taken is a run under way on another node.
type Taken struct {
	Node    string
	Started time.Time
	By      string
}

// A RunningError says that a connector is at work already.
type RunningError struct {
	Connector string
	Since     time.Time
	Node      string // that runs it; empty: this one
}

func (e *RunningError) Error() string {
	where := ""
	if e.Node != "" {
		where = " on node " + e.Node
	}
	return fmt.Sprintf("connector %s has been running since %s%s: wait for it to end", e.Connector, e.Since.Format(time.TimeOnly), where)
}

// begin claims the connector for one run, on this node and, unless it is a dry run, among all nodes. The run is done under the context that it returns.
func (s *Syncer) begin(ctx context.Context, connector, by string, dryRun bool) (claimed context.Context, end func(), err error) {
	free, err := s.beginHere(connector)
	if err != nil {
		return nil, nil, err
	}
	if s.claims == nil || dryRun { // a dry run changes nothing: two may look at the same time
		return ctx, free, nil
	}
	claimed, release, taken, err := s.claims.Claim(ctx, connector, by)
	switch {
	case err != nil:
		free()
		return nil, nil, err
	case taken != nil:
		free()
		return nil, nil, &RunningError{Connector: connector, Since: taken.Started.Local(), Node: taken.Node}
	}
	return claimed, func() { release(); free() }, nil
}

// beginHere claims the connector on this node.
func (s *Syncer) beginHere(connector string) (end func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if since, ok := s.running[connector]; ok {
		return nil, &RunningError{Connector: connector, Since: since}
	}
	s.running[connector] = s.now()
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.running, connector)
	}, nil
}

// outOfReach tells whether something failed because etcd was, which passes by itself. What is in doubt may be done once more: a plan
// is made of what is there then.
func outOfReach(err error) bool {
	var doubt *store.DoubtError
	return errors.Is(err, store.ErrAway) || errors.As(err, &doubt)
}
