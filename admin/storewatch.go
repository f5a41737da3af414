package admin

import (
	"context"
	"errors"
	"time"

	"github.com/dialtree/dialtree/store"
)

// troubleEvery is how often the server looks whether the store is in trouble, and tries to write again when it could not.
const troubleEvery = 2 * time.Second

// watchStore says in the log what is wrong with the store, when it begins and when it ends. Once the server is ready, it checks what the store
// holds: opening it has looked at the pages only.
func (s *Server) watchStore(ctx context.Context) {
	if lost := s.options.Store.Lost(); lost != "" {
		s.log.Error("the store was opened without its last change", "lost", lost)
	}
	told, checked := "", false
	t := time.NewTicker(troubleEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if now := s.troubleNow(ctx); now != told {
			if told = now; now == "" {
				s.log.Info("the store can be written again")
			} else {
				s.log.Error("the store is in trouble", "trouble", now)
			}
		}
		if !checked && s.options.Ready() == nil {
			checked = true
			s.checkContent(ctx)
		}
	}
}

// troubleNow is what is wrong with the store, after another try where that may help; empty: nothing.
func (s *Server) troubleNow(ctx context.Context) string {
	trouble := s.options.Store.Trouble()
	if written := (*store.WriteError)(nil); errors.As(trouble, &written) && !written.InDoubt {
		trouble = s.options.Store.TryWrite(ctx)
	}
	if trouble == nil || errors.Is(trouble, context.Canceled) {
		return ""
	}
	return trouble.Error()
}

func (s *Server) checkContent(ctx context.Context) {
	begun := time.Now()
	problems, err := s.options.Store.CheckContent(ctx)
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		s.log.Error("the store could not be checked", "error", err)
		return
	}
	s.watch.check(len(problems))
	for _, p := range problems[:min(len(problems), 10)] {
		if p.Minor() {
			s.log.Warn("the store lacks something", "problem", p.String())
		} else {
			s.log.Error("the store is not sound: `dialtree check` tells all of it; restore a backup", "problem", p.String())
		}
	}
	s.log.Debug("the store was checked", "problems", len(problems), "took", time.Since(begun).Round(time.Millisecond).String())
}
