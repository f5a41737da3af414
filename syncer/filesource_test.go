package syncer_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/xuri/excelize/v2"

	"github.com/dialtree/dialtree/store"
)

// Whatever a web server does wrong, entries stay as they are, the run says why, and the next one is fine.
func TestWebServerFails(t *testing.T) {
	var answer atomic.Value // an http.HandlerFunc: a request that was given up may still be on its way
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer.Load().(http.HandlerFunc)(w, r) }))
	defer server.Close()
	good := func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "u" || password != "hunter2" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		io.WriteString(w, "username,phone\nalice,1\nbob,2\n")
	}
	// raw answers with bytes, then closes the connection.
	raw := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			io.WriteString(conn, text)
		}
	}
	w := newWorld(t, func(c *store.Connector) {
		c.Source.CSV = &store.CSVSource{Remote: store.Remote{
			URL: server.URL + "/users.csv", Username: "u", Password: store.Literal("hunter2"), Timeout: store.Duration(time.Second)}}
	})
	answer.Store(http.HandlerFunc(good))
	w.done(2, 0, 0, 0, 0)
	const head = "HTTP/1.1 200 OK\r\nContent-Length: "
	tests := []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"truncates", raw(head + "99\r\n\r\nusername,phone\nalice,1\n"), "the connection ended after the first 23 bytes: the file was cut off on the way"},
		{"announces too little", raw(head + "23\r\n\r\nusername,phone\nalice,1\nbob,2\n"), "the server announced 23 bytes and sent more: nothing that it sent can be trusted to be whole"},
		{"sends nothing", raw(head + "0\r\n\r\n"), "the file is empty"},
		{"stalls", func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "no answer within 1s: check that the server and the network are up"},
		{"redirects in a circle", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/again", http.StatusFound) }, "the server redirects more than 5 times: check url"},
		{"wants another password", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, "the server refused the login (401): check username and password, or token"},
		{"shows a page", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<!DOCTYPE html><p>Log in") },
			"the server sent a web page instead of the file: it may want a login, or url is the page with the link to the file"},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w.t = t
			answer.Store(tt.answer)
			w.fails(store.RunFailed, server.URL+"/users.csv: "+tt.want)
			metric := fmt.Sprintf(`# HELP dialtree_connector_runs_total Runs of a connector by result: done, failed or stopped.
# TYPE dialtree_connector_runs_total counter
dialtree_connector_runs_total{connector="staff",result="done"} %d
dialtree_connector_runs_total{connector="staff",result="failed"} %d
`, i+1, i+1)
			if err := testutil.GatherAndCompare(w.registry, strings.NewReader(metric), "dialtree_connector_runs_total"); err != nil {
				t.Error(err)
			}
			answer.Store(http.HandlerFunc(good))
			w.done(0, 0, 0, 2, 0)
		})
	}
	w.t = t
}

// A list in a spreadsheet is imported as one in CSV, by the same templates.
func TestSpreadsheet(t *testing.T) {
	w := newWorld(t, func(c *store.Connector) {
		c.Source = store.Source{XLSX: &store.XLSXSource{Path: "users.xlsx", Sheet: "Staff", HeaderRow: 2}}
	})
	f := excelize.NewFile()
	defer f.Close()
	if _, err := f.NewSheet("Staff"); err != nil {
		t.Fatal(err)
	}
	for cell, value := range map[string]any{"A1": "Our staff", "A2": "username", "B2": "phone", "A3": "alice", "B3": "+49301", "A4": "bob", "B4": 30000} {
		if err := f.SetCellValue("Staff", cell, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.SaveAs(filepath.Join(w.dir, "users.xlsx")); err != nil {
		t.Fatal(err)
	}
	w.done(2, 0, 0, 0, 0)
	w.wantUsers(
		"alice owner=staff key=alice displayname=+49301 phone=+49301 auth=upstream/corp",
		"bob owner=staff key=bob displayname=30000 phone=30000 auth=upstream/corp")
	if err := os.Truncate(filepath.Join(w.dir, "users.xlsx"), 1000); err != nil {
		t.Fatal(err)
	}
	w.fails(store.RunFailed, "DIR/users.xlsx: the file is damaged or cut off: zip: not a valid zip file")
}

// What a source says of a file is found before anything is fetched.
func TestCheckOfFiles(t *testing.T) {
	w := newWorld(t)
	tests := []struct {
		name   string
		source store.Source
		want   string
	}{
		{"share", store.Source{CSV: &store.CSVSource{Path: "a.csv", Remote: store.Remote{Share: &store.Share{UNC: `\\s\s`, Username: "u", Password: store.FromEnv("PW")}}}}, ""},
		{"share without a login", store.Source{CSV: &store.CSVSource{Path: "a.csv", Remote: store.Remote{Share: &store.Share{UNC: `\\s\s`}}}},
			"source.csv.share.username: is missing: what a share sends is signed only for an account with a password"},
		{"xlsx behind a URL", store.Source{XLSX: &store.XLSXSource{Remote: store.Remote{URL: "https://example.com/a.xlsx"}}}, ""},
		{"a directory", store.Source{LDAP: &store.LDAPSource{URLs: []string{"ldap://a"}, Base: store.Texts{"dc=a"}}},
			"source: the template csv-users wants source.csv or source.xlsx"},
	}
	for _, tt := range tests {
		c := w.connector
		c.Source = tt.source
		err := w.syncer.Check(&c)
		if got := fmt.Sprint(err); tt.want == "" && err != nil || tt.want != "" && got != tt.want {
			t.Errorf("%s: %v\nwant %s", tt.name, err, tt.want)
		}
	}
	if left, err := os.ReadDir(w.dir); err != nil || slices.ContainsFunc(left, func(e os.DirEntry) bool { return e.Name() != "data" }) {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
