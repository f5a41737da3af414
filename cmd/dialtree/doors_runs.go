package main

import (
	"context"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/authproxy"
	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer"
)

// observe shows the runs that a schedule begins to the admin side.
func (n *node) observe(connector string, cancel func(cause error)) (progress func(syncer.Progress), ended func(*syncer.Report, error)) {
	at, end := n.admin.Scheduled(connector, cancel)
	return func(p syncer.Progress) { at(admin.Progress(p)) },
		func(r *syncer.Report, err error) { end(shownReport(r, err)) }
}

func (d syncerDoor) Plan(connector string) (*admin.Report, bool, error) {
	r, ok, err := d.Syncer.Plan(connector)
	if err != nil || !ok {
		return nil, false, err
	}
	shown, err := shownReport(r, nil)
	return shown, true, err
}

func (d syncerDoor) Detail(ctx context.Context, run string) (*admin.RunDetail, error) {
	r, err := d.Syncer.Detail(ctx, run)
	if err != nil {
		return nil, err
	}
	return &admin.RunDetail{Run: r.Run, Changes: shownChanges(r.Changes), More: r.More, Undoable: r.Undoable, UndoneBy: r.UndoneBy}, nil
}

func (d syncerDoor) LookAtSource(ctx context.Context, c *store.Connector, records int) (*admin.SourceLook, error) {
	l, err := d.Syncer.LookAtSource(ctx, c, records)
	if err != nil {
		return nil, err
	}
	return &admin.SourceLook{Preview: shownPreview(&l.Preview), Columns: l.Columns, Fields: l.Fields}, nil
}

func (d upstreamsDoor) Test(ctx context.Context, u *store.Upstream) (*admin.UpstreamTest, error) {
	t, err := authproxy.TestUpstream(ctx, u)
	if err != nil {
		return nil, err
	}
	shown := &admin.UpstreamTest{Example: t.Example, Servers: make([]admin.ServerTest, len(t.Servers))}
	for i, s := range t.Servers {
		shown.Servers[i] = admin.ServerTest{URL: s.URL, OK: s.OK}
		for _, step := range s.Steps {
			shown.Servers[i].Steps = append(shown.Servers[i].Steps, admin.LoginStep(step))
		}
	}
	return shown, nil
}
