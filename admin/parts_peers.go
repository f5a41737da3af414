package admin

import "context"

// Peers are the other nodes that share the store's content, as far as runs are concerned. Its methods may be called concurrently. A job is bytes to them:
// JSON that may hold names of persons, of at most 256 KiB. Whoever keeps it where others could read it seals it.
type Peers interface {
	// Node is the name of this node.
	Node() string
	// Publish shows a job of this node to the others, in place of what was published of it before; nil takes it back. It lasts as long as this
	// node takes part, also where it was out of reach meanwhile. While that is so, it may fail: it is called again.
	Publish(ctx context.Context, id string, job []byte) error
	// Published returns what the other nodes published, as it was heard last. It waits for nothing, and what it returns is not changed by anybody.
	Published() []PublishedJob
	// Cancel asks the node that has a job to end it. by is who wants that. Its error is store.ErrAway where nobody can be asked.
	Cancel(ctx context.Context, id, by string) error
	// Cancels tells which jobs of this node others want ended, until ctx ends. One that this node does not have is passed over.
	Cancels(ctx context.Context) <-chan CancelRequest
}

// A PublishedJob is one of another node.
type PublishedJob struct {
	Node string
	ID   string
	Job  []byte
}

// A CancelRequest asks this node to end a job.
type CancelRequest struct {
	ID string
	By string
}
