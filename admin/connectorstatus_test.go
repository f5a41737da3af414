package admin_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/store"
)

const staff = "kind: connector\nname: staff\ntemplate: csv-users\nsource: {csv: {path: users.csv}}\n"

// A connector tells how it fares; that is not part of what its ETag is for, and applying it again changes nothing.
func TestConnectorStatus(t *testing.T) {
	b := start(t)
	b.apply(t, staff)
	at := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	tag := func() string {
		status, answer := b.raw(t, http.MethodGet, "/api/v1/connectors/staff", "")
		_, rest, ok := strings.Cut(answer, "Etag:[")
		if status != http.StatusOK || !ok {
			t.Fatal(status, answer)
		}
		return rest[:strings.IndexByte(rest, ']')]
	}
	before := tag()
	runs := []store.Run{
		{Connector: "staff", Started: at, Finished: at, Result: store.RunStopped, Error: "too many"},
		{Connector: "staff", Started: at, Finished: at.Add(time.Hour), Result: store.RunDone},
		{Connector: "staff", Started: at, Finished: at.Add(2 * time.Hour), Result: store.RunFailed, Error: "no such file"},
		{Connector: "staff", Started: at, Finished: at.Add(3 * time.Hour), Result: store.RunDone},
	}
	want := []string{
		`{"last_run":"staff-1","last_result":"stopped","last_failure":"2026-05-06T07:08:09Z","last_error":"too many"}`,
		`{"last_run":"staff-2","last_result":"done","last_success":"2026-05-06T08:08:09Z","last_failure":"2026-05-06T07:08:09Z"}`,
		`{"last_run":"staff-3","last_result":"failed","last_success":"2026-05-06T08:08:09Z","last_failure":"2026-05-06T09:08:09Z","last_error":"no such file"}`,
		`{"last_run":"staff-4","last_result":"done","last_success":"2026-05-06T10:08:09Z","last_failure":"2026-05-06T09:08:09Z"}`,
	}
	for i := range runs {
		if _, err := b.store.Apply(t.Context(), &store.Changes{Run: &runs[i]}); err != nil {
			t.Fatal(err)
		}
		document, err := b.client.Get(t.Context(), "connector", "staff")
		if err != nil || !strings.HasSuffix(string(document), `,"status":`+want[i]+"}") {
			t.Errorf("%s, %v", document, err)
		}
	}
	if after := tag(); after != before {
		t.Errorf("ETag %s, then %s", before, after)
	}
	if applied := b.apply(t, staff+"status: {last_run: staff-9, anything: [1]}\n"); applied[0].Effect != "unchanged" {
		t.Errorf("%+v", applied)
	}
	var problem *admin.Problem
	_, err := b.client.Apply(t.Context(), []admin.File{{Name: "f", Text: "kind: phonebook\nname: p\nstatus: x\n"}}, false)
	if !errors.As(err, &problem) || !strings.Contains(err.Error(), "unknown key") {
		t.Errorf("a phonebook with a status: %v", err)
	}
}

// What a connector keeps hidden is told as such. Who makes it anew gets an entry of their own.
func TestHiddenEntries(t *testing.T) {
	b := start(t)
	b.apply(t, staff)
	hidden := store.Entry{
		Kind: store.KindUser, Owner: "staff", Key: "alice", Removed: time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC), LocalAuth: true,
		Values: store.Values{{Field: store.Username, Text: "alice"}, {Field: store.DisplayName, Text: "Alice"}, {Field: store.Job, Text: "Boss"}},
		Local:  store.FieldSet(0).With(store.Job),
	}
	if _, err := b.store.Apply(t.Context(), &store.Changes{Put: []store.Entry{hidden}}); err != nil {
		t.Fatal(err)
	}
	document, err := b.client.Get(t.Context(), "user", "alice")
	if err != nil || !strings.HasSuffix(string(document), `"connector":"staff","removed":"2026-05-06T07:08:09Z"}`) || !json.Valid(document) {
		t.Fatalf("%s, %v", document, err)
	}
	for what, err := range map[string]error{
		"enable":   b.client.SetEnabled(t.Context(), "alice", true),
		"password": b.client.SetPassword(t.Context(), "alice", "correct horse"),
	} {
		var problem *admin.Problem
		if !errors.As(err, &problem) || problem.Status != http.StatusConflict || !strings.Contains(problem.Detail, "keeps it hidden") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if applied := b.apply(t, "kind: user\nusername: alice\ndisplayname: Alice\nremoved: \"2026-05-06T07:08:09Z\"\n"); applied[0].Effect != "unchanged" {
		t.Errorf("%+v", applied)
	}
	id := func() string { e, _ := b.store.User("alice"); return e.ID }
	before := id()
	b.apply(t, "kind: user\nusername: alice\ndisplayname: Alice B.\n")
	e, err := b.store.User("alice")
	if err != nil || e.Hidden() || e.Owner != "" || e.Key != "" || e.Local != 0 || e.LocalAuth || e.Values.Has(store.Job) || e.ID != before {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestPreview(t *testing.T) {
	b := start(t)
	b.apply(t, staff)
	p, err := b.client.Preview(t.Context(), "staff", 3)
	if err != nil || len(p.Records) != 3 {
		t.Errorf("%+v, %v", p, err)
	}
	for _, records := range []int{0, 1001} {
		if _, err := b.client.Preview(t.Context(), "staff", records); err == nil {
			t.Errorf("%d records are accepted", records)
		}
	}
	if _, err := b.client.Preview(t.Context(), "nobody", 3); err == nil || !strings.Contains(err.Error(), "connector nobody does not exist") {
		t.Errorf("got %v", err)
	}
}
