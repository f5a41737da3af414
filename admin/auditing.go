package admin

import (
	"context"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/store"
)

// by says who changes something, for store.Changes.By: the store then writes an audit record for each thing that
// the change touches, with its fields before and after.
func by(ctx context.Context) *store.Actor {
	who := access.From(ctx)
	if who == nil {
		return &store.Actor{Who: "nobody", From: access.ClientOf(ctx).From()}
	}
	return &store.Actor{Who: who.Name, Door: string(who.Door), From: who.From}
}

// audited returns the audit record of what is no change of an object or entry, or is more than one, for
// store.Changes.Audit. Fields must not hold a secret: write "[secret]".
func audited(ctx context.Context, action, kind, name string, fields ...store.AuditField) store.AuditRecord {
	return store.AuditRecord{Actor: *by(ctx), Action: action, Kind: kind, Name: name, Fields: fields}
}

// audit writes an audit record by itself, for what changes nothing in the store: a sign-in, a backup, a secret that was shown.
// It is written before the deed where that can be, so that nothing is done that the log does not know.
func (s *Server) audit(ctx context.Context, action, kind, name string, fields ...store.AuditField) error {
	_, err := s.options.Store.Apply(ctx, &store.Changes{Audit: []store.AuditRecord{audited(ctx, action, kind, name, fields...)}})
	return err
}
