package syncer

import (
	"time"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer/source"
)

// SetSource gives all connectors a source of the test's.
func (s *Syncer) SetSource(src source.Source) {
	s.sources = func(store.Source, *template) (source.Source, error) { return src, nil }
}

// SetPauses shortens the waits before runs and webhooks are tried again.
func (s *Syncer) SetPauses(runs, webhooks []time.Duration) {
	s.retries = func() []time.Duration { return runs }
	s.webhookPauses = func() []time.Duration { return webhooks }
}
