package admin

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/dialtree/dialtree/store"
)

// A connectorStatus is how a connector fares. Documents tell it and nobody sets it.
type connectorStatus struct {
	Running     string     `json:"running,omitempty"`      // the ID of the job
	RunningNode string     `json:"running_node,omitempty"` // where it runs, among several nodes
	LastRun     string     `json:"last_run,omitempty"`     // the ID
	LastResult  string     `json:"last_result,omitempty"`
	LastSuccess *time.Time `json:"last_success,omitempty"`
	LastFailure *time.Time `json:"last_failure,omitempty"`
	LastError   string     `json:"last_error,omitempty"` // of the last run, where that did not succeed
	NextRun     *time.Time `json:"next_run,omitempty"`
	Entries     int        `json:"entries,omitempty"` // that it owns
}

// statusKey is where documents of connectors have their status.
const statusKey = "status"

// shownDocument is an object's document with what only the server knows of it.
func (s *Server) shownDocument(o store.Object) (Document, error) {
	document, err := objectDocument(o)
	c, ok := o.(*store.Connector)
	if err != nil || !ok {
		return document, err
	}
	status, err := s.connectorStatus(c.Name)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(status)
	if err != nil {
		return nil, fmt.Errorf("write the status of connector %s: %w", c.Name, err)
	}
	if string(text) == "{}" {
		return document, nil
	}
	return fmt.Appendf(document[:len(document)-1], `,%q:%s}`, statusKey, text), nil
}

func (s *Server) connectorStatus(name string) (connectorStatus, error) {
	var status connectorStatus
	runs, err := s.options.Store.Runs(name, 0)
	if err != nil {
		return status, err
	}
	for i, r := range runs { // the newest first
		at := r.Finished.UTC().Truncate(time.Second)
		if i == 0 {
			status.LastRun, status.LastResult, status.LastError = r.ID, string(r.Result), r.Error
		}
		switch {
		case r.Result == store.RunDone && status.LastSuccess == nil:
			status.LastSuccess = &at
		case r.Result != store.RunDone && status.LastFailure == nil:
			status.LastFailure = &at
		}
	}
	if next, ok := s.options.Syncer.Next(name); ok {
		next = next.UTC().Truncate(time.Second)
		status.NextRun = &next
	}
	if job := s.runningJob(name); job != nil {
		status.Running, status.RunningNode = job.ID, job.Node
	}
	status.Entries = s.options.Store.Counts().Connectors[name]
	return status, nil
}
