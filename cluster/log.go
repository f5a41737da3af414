package cluster

import (
	"context"
	"time"

	"github.com/dialtree/dialtree/store"
)

// A changeLog is the shared changes, as this node sees them.
type changeLog struct {
	lease   func(context.Context) (Lease, error)    // what the writer's lock is held with
	counted func(result string, took time.Duration) // of every commit
}

// A view is what a changeLog knows, for the status.
type view struct {
	Cluster     string
	Index, Head uint64
	Reachable   bool
	Trouble     string
	Since       time.Time
	Snapshot    Snapshot
	Behind      time.Time // since when this node has not all that it heard of; zero: it has
}

func newChangeLog(o Options, s *store.Store) *changeLog { return &changeLog{} }

func (l *changeLog) view() view                       { return view{} }
func (l *changeLog) changeable() error                { return errContract }
func (l *changeLog) follow(ctx context.Context) error { return errContract }
func (l *changeLog) draft(ctx context.Context, alone bool) (store.Draft, error) {
	return nil, errContract
}
