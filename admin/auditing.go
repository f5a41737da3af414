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

// auditFirst writes an audit record by itself, of what begins with it and changes the store later: a run. Without the record it does not begin.
func (s *Server) auditFirst(ctx context.Context, action, kind, name string, fields ...store.AuditField) error {
	_, err := s.options.Store.Apply(ctx, &store.Changes{Audit: []store.AuditRecord{audited(ctx, action, kind, name, fields...)}})
	return err
}

// audit writes an audit record by itself, for what changes nothing in the store: a backup, a secret that was shown, a link.
// It is written before the deed where that can be, so that nothing is done that the log does not know.
//
// While etcd is away no record can be shared. The deed is done nevertheless, and the record is in this node's log alone: what is done here harms nobody's data, and an
// outage is when somebody needs a backup, a profile or a phone's secret most. To refuse it would protect nothing, as whoever may do it could wait, and would keep
// from their work those who mend the outage.
func (s *Server) audit(ctx context.Context, action, kind, name string, fields ...store.AuditField) error {
	err := s.auditFirst(ctx, action, kind, name, fields...)
	if !outOfReach(err) {
		return err
	}
	r := audited(ctx, action, kind, name, fields...)
	attributes := []any{"who", r.Who, "door", r.Door, "from", r.From, "action", action, "kind", kind, "name", name}
	for _, f := range fields { // which hold no secret
		attributes = append(attributes, f.Field, f.New)
	}
	s.log.Warn("what was done is in no audit log but this one, because the other nodes cannot be told", append(attributes, "error", err)...)
	return nil
}
