package syncer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
)

var errNoHash = errors.New("there are passwords in the source, but this program was started without a way to store them")

// hashPasswords hashes the passwords of the plan on all cores. It is the one step that costs more than everything else, by
// design of the hash: some 20 to 50 ms for each.
func (s *Syncer) hashPasswords(ctx context.Context, p *plan, progress *progress) error {
	todo := slices.Sorted(maps.Keys(p.passwords))
	if len(todo) == 0 {
		return nil
	}
	if s.hash == nil {
		return errNoHash
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan int)
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(todo)) {
		workers.Go(func() {
			for i := range work {
				hash, err := s.hash(p.passwords[i].text)
				if err != nil {
					cancel(fmt.Errorf("row %d: hash the password: %w", p.about[i].row, err))
					return
				}
				p.passwords[i].hash = hash
			}
		})
	}
	for n, i := range todo {
		if ctx.Err() != nil {
			break
		}
		select {
		case work <- i:
			progress.at(phaseApply, n, len(todo))
		case <-ctx.Done():
		}
	}
	close(work)
	workers.Wait()
	return context.Cause(ctx)
}
