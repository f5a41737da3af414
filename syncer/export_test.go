package syncer

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer/source"
)

// SetSource gives all connectors a source of the test's.
func (s *Syncer) SetSource(src source.Source) {
	s.sources = func(store.Source, *template, *job) (source.Source, error) { return src, nil }
}

// SetPauses shortens the waits before runs and webhooks are tried again.
func (s *Syncer) SetPauses(runs, webhooks []time.Duration) {
	s.retries = func() []time.Duration { return runs }
	s.webhookPauses = func() []time.Duration { return webhooks }
}

// SetDutyPauses shortens the waits of a node among others.
func (s *Syncer) SetDutyPauses(d time.Duration) { s.dutyPause, s.awayPause, s.figuresEvery = d, d, d }

// LastSuccess is when a connector's last run that was done ended, in Unix seconds.
func (s *Syncer) LastSuccess(connector string) prometheus.Gauge {
	return s.metrics.lastSuccess.WithLabelValues(connector)
}

// SetClockEvery makes Run look at the clock more often.
func (s *Syncer) SetClockEvery(d time.Duration) { s.clockEvery = d }

// Runs is the count of a connector's runs with a result.
func (s *Syncer) Runs(connector, result string) prometheus.Counter {
	return s.metrics.runs.WithLabelValues(connector, result)
}

// Recalls tells whether the next run of a connector does without reading its file, if that is as it was.
func (s *Syncer) Recalls(connector string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.recalled[connector] != nil
}

// Serving tells whether Run is at work.
func (s *Syncer) Serving() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.beside != nil
}

// ImportChanges is a run as a schedule starts it.
func (s *Syncer) ImportChanges(ctx context.Context, connector string) (*Report, error) {
	return s.run(ctx, connector, ImportOptions{}, runOptions{changes: true})
}

// DecodeShown reads a kept plan, and writes it again.
func DecodeShown(text []byte) (again []byte, ok bool) {
	seen, err := decodeShown(text)
	if err != nil {
		return nil, false
	}
	again, err = seen.encode()
	return again, err == nil
}
