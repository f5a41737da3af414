package admin

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/dialtree/dialtree/store"
)

// The states of connectors.
const (
	stateFresh   = "fresh"
	stateStale   = "stale"
	stateFailed  = "failed"
	stateStopped = "stopped"
	stateNever   = "never"
	stateRunning = "running"
)

func (s *Server) overview(ctx context.Context, now time.Time) (*Overview, error) {
	s.look(now)
	total := s.trends.Total(time.Hour)
	o := &Overview{
		Ready: true, Entries: entryCounts(s.options.Store), Phonebooks: map[string]int{},
		Logins: LoginFigures{
			Accepted: int(total.Accepted), Refused: int(total.Refused), Throttled: int(total.Throttled), NotFoundOut: int(total.NotFoundOut),
			P95: milliseconds(total.BindP95),
		},
	}
	if seconds := total.Span.Seconds(); seconds > 0 {
		o.Logins.PerSecond = (total.Accepted + total.Refused + total.Throttled + total.NotFoundOut) / seconds
	}
	cluster := s.lookAtCluster(ctx, now)
	ready := s.readiness()
	o.Ready, o.Upstreams = ready.Ready, ready.Upstreams
	counts := s.options.Store.Counts()
	books, err := s.options.Store.Objects(store.ObjectPhonebook)
	if err != nil {
		return nil, err
	}
	for _, b := range books {
		o.Phonebooks[b.ObjectName()] = counts.Phonebooks[b.ObjectName()]
	}
	if o.Connectors, err = s.connectorStates(now); err != nil {
		return nil, err
	}
	if o.Attention, err = s.attention(o, ready, cluster, now); err != nil {
		return nil, err
	}
	o.Checklist, err = s.checklist(o)
	return o, err
}

func (s *Server) connectorStates(now time.Time) ([]ConnectorState, error) {
	objects, err := s.options.Store.Objects(store.ObjectConnector)
	if err != nil {
		return nil, err
	}
	states := []ConnectorState{}
	for _, o := range objects {
		state, err := s.connectorState(o.(*store.Connector), now)
		if err != nil {
			return nil, err
		}
		states = append(states, state)
	}
	return states, nil
}

func (s *Server) connectorState(c *store.Connector, now time.Time) (ConnectorState, error) {
	status, err := s.connectorStatus(c.Name)
	if err != nil {
		return ConnectorState{}, err
	}
	counts := s.options.Store.Counts()
	state := ConnectorState{
		Name: c.Name, Template: c.Template, Target: targetOf(c), State: stateFresh,
		LastRun: status.LastRun, LastSuccess: status.LastSuccess, LastError: status.LastError, NextRun: status.NextRun,
		Entries: counts.Connectors[c.Name], Job: status.Running, JobNode: status.RunningNode,
	}
	if state.Job != "" {
		state.State = stateRunning
		return state, nil
	}
	if status.LastRun == "" {
		state.State = stateNever
		return state, nil
	}
	run, err := s.options.Store.Run(status.LastRun)
	if err != nil {
		return state, err
	}
	switch run.Result {
	case store.RunFailed:
		state.State = stateFailed
	case store.RunStopped:
		state.State = stateStopped
	default:
		if status.LastSuccess != nil {
			if by, scheduled := s.system.DueBy(c.Name, *status.LastSuccess); scheduled && (now.After(by) || ahead(*status.LastSuccess, now)) {
				state.State = stateStale
			}
		}
	}
	return state, nil
}

// targetOf is what a connector fills: where it does not say, what its template is named after.
func targetOf(c *store.Connector) string {
	if c.Target != "" {
		return c.Target
	}
	return c.Template[strings.LastIndex(c.Template, "-")+1:]
}

// worst orders attention: the severity first, then as it was found.
func worst(list []Attention) []Attention {
	rank := map[string]int{severityCritical: 0, severityWarning: 1, severityNote: 2}
	slices.SortStableFunc(list, func(a, b Attention) int { return cmp.Compare(rank[a.Severity], rank[b.Severity]) })
	return list
}
