package admin

import "context"

// Peers are the other nodes that share the store's content, as far as runs are concerned. Its methods may be called concurrently. A job is bytes to them:
// JSON that may hold names of persons, of at most 256 KiB. Whoever keeps it where others could read it seals it.
type Peers interface {
	// Node is the name of this node.
	Node() string
	// PublishJob shows the others how a run of this node is. It does not wait, and sees to it by itself that they know once they can be told.
	PublishJob(id string, job []byte)
	// EndJob shows them how it ended. They know for a while.
	EndJob(id string, job []byte)
	// Jobs returns what the other nodes published, as it was heard last. It waits for nothing, and what it returns is not changed by anybody.
	Jobs() []PublishedJob
	// CancelJob asks the node that has a job to end it. by is who wants that. Its error is store.ErrAway where nobody can be asked.
	CancelJob(ctx context.Context, id, by string) error
	// OnCancel has f called where somebody wants the end of a job that was published here, at another node. It is called once, by New. f does not wait.
	OnCancel(f func(id, by string))
}

// A PublishedJob is one of another node.
type PublishedJob struct {
	Node string
	ID   string
	Data []byte // as it was given to PublishJob or EndJob there
}
