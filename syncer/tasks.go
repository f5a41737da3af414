package syncer

import (
	"context"
	"sync"
)

// tasks run beside something that waits for them.
type tasks struct {
	ctx    context.Context // theirs
	cancel context.CancelCauseFunc
	group  sync.WaitGroup

	mu     sync.Mutex // guards closed; held while one is added, so that none is while wait is at work
	closed bool
}

func newTasks(ctx context.Context) *tasks {
	t := &tasks{}
	t.ctx, t.cancel = context.WithCancelCause(ctx)
	return t
}

// start runs f beside the others. It is false, and f is not run, once they are to end.
func (t *tasks) start(f func(context.Context)) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.group.Go(func() { f(t.ctx) })
	return true
}

// end cancels them and takes no more.
func (t *tasks) end(cause error) {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.cancel(cause)
}

// wait waits for them. It is called after end.
func (t *tasks) wait() { t.group.Wait() }
