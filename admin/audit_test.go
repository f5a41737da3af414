package admin_test

import (
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/store"
)

// Each thing that somebody does leaves its record.
func TestAudit(t *testing.T) {
	b := start(t)
	b.apply(t, people+"\n---"+secrets)
	v := b.signedIn(t, "ada")
	document := func(text string) string { return fmt.Sprintf(`{"files":[{"name":"f","text":%q}]}`, text) }
	for _, tt := range []struct {
		method, path, body string
		want               string // action, kind, name and fields
	}{
		{"POST", "/api/v1/apply", document("{kind: phonebook, name: new, title: New}"), "created phonebook new name:→new title:→New"},
		{"POST", "/api/v1/apply", document("{kind: phonebook, name: new, title: Newer}"), "updated phonebook new title:New→Newer"},
		{"DELETE", "/api/v1/phonebooks/new", "", "deleted phonebook new name:new→ title:Newer→"},
		{"POST", "/api/v1/apply", document("{kind: device, name: reception, password: another-secret}"), "updated device reception password:[secret]→[secret]"},
		{"PUT", "/api/v1/users/paul/password", `{"password":"yet another"}`, "updated user paul changed by hand:→auth"},
		{"PUT", "/api/v1/users/paul/auth", `{"method":"none"}`, "updated user paul auth:internal→none password:[secret]→"},
		{"POST", "/api/v1/users/paul/disable", "", "updated user paul auth:none→none, disabled"},
		{"POST", "/api/v1/connectors/staff/run", "", "ran connector staff"},
		{"POST", "/api/v1/runs/staff-1/undo", "", "undid a run run staff-1"},
		{"POST", "/api/v1/import?to=users&file=u.csv", "x", "imported file u.csv to:→users"},
		{"POST", "/api/v1/backup", `{"path":"` + t.TempDir() + `/b"}`, "wrote a backup store path"},
		{"GET", "/api/v1/phones/yealink?device=reception&secret=true", "", "was shown the secret device reception"},
		{"POST", "/api/v1/links", `{"name":"vera"}`, "made a link administrator vera"},
		{"POST", "/api/v1/apply", document("{kind: contact, phonebook: customers, displayname: A}\n---\n{kind: contact, phonebook: customers, displayname: B}"), "created contact "},
		{"POST", "/api/v1/apply", document("{kind: phonebook, name: customers}"), "created contact "}, // as it was: no record
		{"DELETE", "/api/v1/session", "", "signed out"},
	} {
		v.header["Content-Type"] = "application/json"
		if strings.Contains(tt.path, "/import") {
			v.header["Content-Type"] = "application/octet-stream"
		}
		if w := v.ask(t, tt.method, tt.path, tt.body); w.Code >= 300 {
			t.Fatalf("%s %s: %d %s", tt.method, tt.path, w.Code, w.Body)
		}
		records, err := b.client.Audit(t.Context(), admin.AuditOptions{Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		r := records[0]
		text := strings.TrimSpace(strings.Join([]string{r.Action, r.Kind, r.Name}, " "))
		for _, f := range r.Fields {
			text += " " + f.Field + ":" + f.Old + "→" + f.New
		}
		if !strings.HasPrefix(text, tt.want) || r.Who != "ada" || r.Door != "session" || r.From != v.remote || r.At.IsZero() {
			t.Errorf("%s %s: %+v\nis %q, want %q", tt.method, tt.path, r, text, tt.want)
		}
		if strings.Contains(text, "another") || strings.Contains(text, "argon2") {
			t.Errorf("a secret: %s", text)
		}
	}
	_, err := b.client.Apply(t.Context(), []admin.File{{Name: "f", Text: "{kind: phonebook, name: dry}"}}, true)
	records, listErr := b.client.Audit(t.Context(), admin.AuditOptions{Query: "dry"})
	if err != nil || listErr != nil || len(records) != 0 {
		t.Errorf("a dry run left %v %v %v", records, err, listErr)
	}
}

func TestAuditList(t *testing.T) {
	b := start(t)
	for i := range 25 {
		b.apply(t, fmt.Sprintf("{kind: phonebook, name: book%d}", i))
	}
	var all []uint64
	o := admin.AuditOptions{Limit: 10}
	for {
		page, err := b.client.Audit(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, r := range page {
			all = append(all, r.N)
			if r.Door != "socket" || r.Who == "" || r.Change == 0 {
				t.Errorf("%+v", r)
			}
		}
		o.After = page[len(page)-1].N
	}
	if len(all) != 25 || all[0] != 25 || !slices.IsSortedFunc(all, func(x, y uint64) int { return int(y) - int(x) }) {
		t.Errorf("%v", all)
	}
	for _, tt := range []struct {
		o    admin.AuditOptions
		want int
	}{
		{admin.AuditOptions{Query: "BOOK1"}, 11}, {admin.AuditOptions{Query: "created"}, 25}, {admin.AuditOptions{Query: "deleted"}, 0}, {admin.AuditOptions{Who: "nobody else"}, 0},
	} {
		if page, err := b.client.Audit(t.Context(), tt.o); err != nil || len(page) != tt.want {
			t.Errorf("%+v: %d, %v", tt.o, len(page), err)
		}
	}
}

// A name that a spreadsheet would compute is a text in the file.
func TestAuditFile(t *testing.T) {
	b := start(t)
	if _, err := b.store.Apply(t.Context(), &store.Changes{Audit: []store.AuditRecord{
		{Actor: store.Actor{Who: "=cmd|' /C calc'!A0", From: "@x"}, Action: "+a", Kind: "-1", Name: "\tx", Fields: []store.AuditField{{Field: "=f", Old: "a\n\"b\"", New: "c"}}}}}); err != nil {
		t.Fatal(err)
	}
	for format, mime := range map[string]string{"csv": "text/csv; charset=utf-8", "json": "application/jsonl"} {
		d, err := b.client.AuditFile(t.Context(), format)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(d)
		d.Close()
		if err != nil || d.Type != mime || !strings.HasPrefix(d.Name, "dialtree-audit.") {
			t.Errorf("%s %s: %v", d.Name, d.Type, err)
		}
		if format == "json" {
			if strings.Count(string(text), "\n") < 2 {
				t.Errorf("%s", text)
			}
			continue
		}
		rows, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		row := rows[len(rows)-1]
		want := []string{"'=cmd|' /C calc'!A0", "", "'@x", "'+a", "'-1", "'\tx", "'=f: a\n\"b\" → c", "0", "0"}
		if !slices.Equal(row[2:], want) {
			t.Errorf("%q\nwant %q", row[2:], want)
		}
	}
	if status, _ := b.raw(t, http.MethodGet, "/api/v1/audit/file?format=xml", ""); status != http.StatusUnprocessableEntity {
		t.Errorf("%d", status)
	}
}
