package admin_test

import (
	"context"
	"time"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/store"
)

// Plan knows one plan, that of the connector staff.
func (f *fakeSyncer) Plan(connector string) (*admin.Report, bool, error) {
	switch {
	case connector == "nobody":
		return nil, false, &store.NotFoundError{What: "connector " + connector}
	case connector != "staff":
		return nil, false, nil
	}
	return &admin.Report{DryRun: true, Run: store.Run{Connector: connector, PlanDigest: "d"}, Changes: make([]admin.PlannedChange, 1)}, true, nil
}

func (f *fakeSyncer) Detail(_ context.Context, run string) (*admin.RunDetail, error) {
	if run != "staff-1" {
		return nil, &store.NotFoundError{What: "run " + run}
	}
	return &admin.RunDetail{Run: store.Run{ID: run}, Undoable: true, Changes: []admin.PlannedChange{
		{Change: "update", Name: "alice", Fields: []admin.FieldChange{{Field: "phone", Old: "1", New: "2"}}}}}, nil
}

// LookAtSource waits, and shows the password that the connector would have used.
func (f *fakeSyncer) LookAtSource(ctx context.Context, c *store.Connector, records int) (*admin.SourceLook, error) {
	if c.Variables["phone"] == "wrong" {
		return nil, &store.FieldError{Path: "variables.phone", Message: "there is no column \"wrong\""}
	}
	if f.block != nil {
		select {
		case <-f.block:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	look := &admin.SourceLook{Preview: admin.Preview{Records: make([]admin.PreviewedRecord, records)}, Columns: []string{"login"}, Fields: []string{"username"}}
	if c.Source.LDAP != nil {
		var err error
		f.password, err = c.Source.LDAP.Password.Resolve()
		if err != nil {
			look.Error = err.Error()
		}
	}
	return look, nil
}

func (f *fakeSyncer) NextTimes(schedule, timezone string, count int) ([]time.Time, error) {
	if schedule != "@daily" {
		return nil, &store.FieldError{Path: "schedule", Message: "is wrong"}
	}
	return make([]time.Time, count), nil
}

func (fakeUpstreams) Test(_ context.Context, u *store.Upstream) (*admin.UpstreamTest, error) {
	password, err := u.Search.Password.Resolve()
	ok := err == nil && password == "hunter2"
	return &admin.UpstreamTest{Servers: []admin.ServerTest{{URL: u.URLs[0], OK: ok, Steps: []admin.LoginStep{{Name: "connect", OK: ok}}}}, Example: "uid=alice"}, nil
}
