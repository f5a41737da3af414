package admin

import (
	"context"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/store"
)

// commit is where every change that an operation of the API makes reaches the store. ctx says who
// asked for it, changes hold what becomes of what: entries and objects as they shall be, with the
// change that each was read at.
func (s *Server) commit(ctx context.Context, what string, changes *store.Changes) (store.Applied, error) {
	if err := s.keepAdmin(access.From(ctx), changes); err != nil {
		return store.Applied{}, err
	}
	changes.By = by(ctx) // the store writes down what changed with the change itself
	done, err := s.options.Store.Apply(ctx, changes)
	if err == nil && !changes.DryRun {
		s.log.Info("changed", "what", what, "by", nameOf(access.From(ctx)), "change", done.Seq, "put", len(changes.Put)+len(changes.PutObjects), "removed", len(changes.Remove)+len(changes.RemoveObjects))
	}
	return done, err
}

func nameOf(who *access.Identity) string {
	if who == nil {
		return ""
	}
	return who.Name
}
