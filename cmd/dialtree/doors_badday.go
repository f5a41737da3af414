package main

import (
	"context"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/authproxy"
	"github.com/dialtree/dialtree/authproxy/trace"
	"github.com/dialtree/dialtree/store"
)

// writeRefusals writes what was refused to the store.
func (n *node) writeRefusals(ctx context.Context, batch []store.Refusal) error {
	_, err := n.store.Apply(ctx, &store.Changes{Refusals: batch})
	return err
}

// tracerDoor lets the admin side follow requests.
type tracerDoor struct{ front *authproxy.Front }

func (d tracerDoor) Follow(what string) (admin.Follower, error) {
	f, err := d.front.Follow(what)
	if err != nil {
		return nil, err
	}
	return follower{f}, nil
}

type follower struct{ *trace.Follower }

func (f follower) Next(ctx context.Context) (*admin.TraceBatch, error) {
	events, lost, err := f.Follower.Next(ctx)
	if err != nil {
		return nil, err
	}
	batch := &admin.TraceBatch{Events: make([]admin.TraceEvent, len(events)), Lost: lost}
	for i, e := range events {
		shown := admin.TraceEvent{At: e.At.UTC(), Conn: e.Conn, Message: e.Message, Kind: e.Kind, What: e.What}
		if e.Client.IsValid() {
			shown.Client = e.Client.String()
		}
		for _, a := range e.Attrs {
			shown.Attrs = append(shown.Attrs, admin.LogAttr(a))
		}
		batch.Events[i] = shown
	}
	return batch, nil
}
