package admin

import (
	"context"
	"sync"
	"time"
)

// lookEvery is how often the server looks at what the overview must know since when.
const lookEvery = time.Minute

// A watch remembers what cannot be asked for afterwards.
type watch struct {
	mu       sync.Mutex // guards what follows
	down     map[watched]time.Time
	problems int // that the last check of the store found
	checked  time.Time
}

// watched is a server of an upstream.
type watched struct{ upstream, url string }

// since returns when a server was first seen down; nil for not.
func (w *watch) since(upstream, url string) *time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if at, ok := w.down[watched{upstream, url}]; ok {
		return &at
	}
	return nil
}

func (w *watch) health(upstreams []UpstreamHealth, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	down := map[watched]time.Time{}
	for _, u := range upstreams {
		for _, server := range u.Servers {
			if server.Up {
				continue
			}
			key := watched{u.Name, server.URL}
			down[key] = now.UTC().Truncate(time.Second)
			if at, ok := w.down[key]; ok {
				down[key] = at
			}
		}
	}
	w.down = down
}

func (w *watch) check(problems int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.problems, w.checked = problems, time.Now().UTC().Truncate(time.Second)
}

// look notes how things are.
func (s *Server) look(now time.Time) {
	s.watch.health(s.options.Upstreams.Health(), now)
	s.markUse()
}

// keepWatch samples figures and looks until ctx ends.
func (s *Server) keepWatch(ctx context.Context) {
	s.removeDownloads()
	var sampling sync.WaitGroup
	sampling.Go(func() { s.trends.Run(ctx) })
	sampling.Go(func() { s.watchStore(ctx) })
	sampling.Go(func() { s.watchCluster(ctx) })
	sampling.Go(func() { s.keepBackups(ctx) })
	sampling.Go(func() { s.keepPeers(ctx) })
	defer sampling.Wait()
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			s.look(now)
		}
	}
}
