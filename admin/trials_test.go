package admin_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/admin/access"
)

func TestPlanAndDetail(t *testing.T) {
	b := start(t)
	ctx := t.Context()
	if r, err := b.client.Plan(ctx, "staff"); err != nil || r.Run.PlanDigest != "d" || !r.DryRun {
		t.Errorf("%+v, %v", r, err)
	}
	for connector, want := range map[string]string{
		"branch": "connector branch has no plan that could be confirmed: make one with a dry run",
		"nobody": "connector nobody does not exist",
	} {
		if _, err := b.client.Plan(ctx, connector); status(err) != http.StatusNotFound || err.Error() != want {
			t.Errorf("%s: %v", connector, err)
		}
	}
	if d, err := b.client.RunDetail(ctx, "staff-1"); err != nil || !d.Undoable || d.Changes[0].Fields[0].New != "2" {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := b.client.RunDetail(ctx, "staff-2"); status(err) != http.StatusNotFound {
		t.Errorf("%v", err)
	}
}

func TestNextTimes(t *testing.T) {
	b := start(t)
	if n, err := b.client.NextTimes(t.Context(), "@daily", "Europe/Berlin", 3); err != nil || len(n.Times) != 3 {
		t.Errorf("%+v, %v", n, err)
	}
	if _, err := b.client.NextTimes(t.Context(), "daily", "", 3); path(err) != "schedule" {
		t.Errorf("%v", err)
	}
}

// path is that of the only mistake.
func path(err error) string {
	var p *admin.Problem
	if !errors.As(err, &p) || len(p.Errors) != 1 {
		return ""
	}
	return p.Errors[0].Location
}

func TestLookAtSource(t *testing.T) {
	b := start(t)
	b.apply(t, "kind: connector\nname: directory\ntemplate: csv-users\nsource: {ldap: {urls: [ldaps://dc], base: [dc=x], bind_dn: cn=a, password: hunter2}}\n")
	const document = `{"kind":"connector","name":"directory","template":"csv-users","status":{"entries":3},"source":{"ldap":{"urls":["ldaps://dc"],"base":["dc=x"],"bind_dn":"cn=a","password":"[secret]"}}`
	for _, tc := range []struct {
		name, document string
		path           string // of the mistake
		password       string
	}{
		{"a stored secret", document + `}`, "", "hunter2"},
		{"which is to be authenticated at its source", document + `,"authentication":true}`, "", "hunter2"},
		{"no such key", document + `,"colour":"red"}`, "colour", ""},
		{"an expression", document + `,"variables":{"phone":"wrong"}}`, "variables.phone", ""},
	} {
		b.syncer.password = ""
		look, err := b.client.LookAtSource(t.Context(), admin.Document(tc.document), 7)
		if tc.path != "" {
			if path(err) != tc.path {
				t.Errorf("%s: %v", tc.name, err)
			}
			continue
		}
		if err != nil || len(look.Records) != 7 || look.Error != "" || look.Columns[0] != "login" || b.syncer.password != tc.password {
			t.Errorf("%s: %+v, %v", tc.name, look, err)
		}
	}
}

func TestTestUpstream(t *testing.T) {
	b := start(t)
	b.apply(t, "kind: upstream\nname: corp\nurls: [ldaps://dc]\nsearch: {base: dc=x, filter: (uid=%), bind_dn: cn=a, password: hunter2}\n")
	document, err := b.client.Get(t.Context(), "upstream", "corp")
	if err != nil {
		t.Fatal(err)
	}
	if test, err := b.client.TestUpstream(t.Context(), document); err != nil || !test.Servers[0].OK || test.Example != "uid=alice" {
		t.Errorf("%+v, %v", test, err)
	}
	if _, err := b.client.TestUpstream(t.Context(), admin.Document(`{"kind":"upstream","name":"corp"}`)); path(err) != "urls" {
		t.Errorf("%v", err)
	}
}

// Those who wait for another machine are few, and do not wait for ever.
func TestTrialsAreBounded(t *testing.T) {
	b := start(t)
	synctest.Test(t, func(t *testing.T) {
		b.syncer.block = make(chan struct{})
		client, ctx := as(b, t, access.Admin)
		begun := time.Now()
		ended := make(chan error)
		for range 4 {
			go func() {
				_, err := client.LookAtSource(ctx, admin.Document(`{"kind":"connector","name":"new"}`), 1)
				ended <- err
			}()
		}
		synctest.Wait()
		if _, err := client.LookAtSource(ctx, admin.Document(`{"kind":"connector","name":"new"}`), 1); status(err) != http.StatusTooManyRequests {
			t.Errorf("the fifth: %v", err)
		}
		for range 4 {
			if err := <-ended; status(err) != http.StatusServiceUnavailable {
				t.Errorf("%v", err)
			}
		}
		if took := time.Since(begun); took != 30*time.Second {
			t.Errorf("took %s", took)
		}
	})
}
