package cluster

import "context"

type janitor struct{}

func newJanitor(l *changeLog, noCompact bool) *janitor { return &janitor{} }

// run works while this node is on duty.
func (j *janitor) run(ctx context.Context, onDuty func(context.Context) (context.Context, error)) error {
	return errContract
}
