//go:build e2e

package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/openapi"
)

const (
	// planted begins every secret that tests give to the product. None of them may be read anywhere.
	planted = "planted-secret"
	// answerLimit is how long an answer may take on a busy machine.
	answerLimit = 2 * time.Second
)

// requestsFor are made for an operation of the API, half of them such as it describes.
// DIALTREE_REQUESTS is another number.
func requestsFor(t *testing.T, o openapi.Operation) int {
	t.Helper()
	text := os.Getenv("DIALTREE_REQUESTS")
	switch {
	case text != "":
		return must[int](t)(strconv.Atoi(text))
	case strings.HasPrefix(o.Path, "/api/v1/session"):
		return 40 // the server answers a wrong password after half a second
	case unending(o):
		return 20 // each is a connection
	}
	return 200
}

// Whatever is sent to the API, it answers soon and says what is wrong, shows no secret, and
// goes on with a sound store, also after a restart.
func TestAPIWithRandomRequests(t *testing.T) {
	o := options(t)
	o.LDAP = []string{"anonymous_from: [127.0.0.0/8]"}
	d := dialtree(t, o, "")
	f := newFuzzer(t, d, o.Dir)
	description := must[*openapi.Description](t)(openapi.Read(f.get("/api/v1/openapi.json")))
	if len(description.Operations) < 40 {
		t.Fatalf("the API describes %d operations", len(description.Operations))
	}
	for _, operation := range description.Operations {
		t.Run(operation.ID, func(t *testing.T) {
			f.plant(t)
			statuses := map[int]int{}
			maker := openapi.NewMaker(description, operation.String(), f.pool(operation))
			for i := range requestsFor(t, operation) {
				request := maker.Wrong(operation)
				if i%2 == 0 {
					request = maker.Valid(operation)
				}
				if operation.String() == "POST /api/v1/backup" {
					f.keepInside(request)
				}
				statuses[f.send(t, operation, request)]++
				if t.Failed() {
					return // what comes after it says nothing new
				}
			}
			t.Logf("answers: %v", statuses)
		})
	}
	f.healthy(t)
	d.Stop() // writes what is left of the log
	for _, unwanted := range []string{planted, "request panicked"} {
		if line := lineWith(d.Output(), unwanted); line != "" {
			t.Errorf("the log says %q: %s", unwanted, line)
		}
	}
	check(t, d.Start(t.Context()))
	f.healthy(t)
}

// A fuzzer sends requests to a server over its unix socket.
type fuzzer struct {
	http *http.Client
	dir  string // that the server may write to
	d    *fixture.Dialtree
	get  func(path string) []byte
}

func newFuzzer(t *testing.T, d *fixture.Dialtree, dir string) *fuzzer {
	t.Helper()
	f := &fuzzer{d: d, dir: dir, http: socketClient(d)}
	t.Cleanup(f.http.CloseIdleConnections)
	f.get = func(path string) []byte {
		r := must[*http.Response](t)(f.http.Get("http://dialtree" + path))
		defer r.Body.Close()
		return must[[]byte](t)(io.ReadAll(r.Body))
	}
	check(t, os.WriteFile(filepath.Join(dir, "staff.csv"), []byte("username,displayname,phone\nalice,Alice,100\nbob,Bob,101\n"), 0o600))
	return f
}

// socketClient reaches the server through its unix socket. It follows no redirect.
func socketClient(d *fixture.Dialtree) *http.Client {
	return &http.Client{
		Timeout:       5 * answerLimit,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     d.SocketTransport(),
	}
}

// documents are what the server holds before each operation is tried.
func (f *fuzzer) documents() []string {
	return []string{
		`{"kind":"upstream","name":"directory","urls":["ldap://127.0.0.1:1"],"search":{"base":"dc=x","filter":"(uid=%)","bind_dn":"cn=proxy,dc=x","password":"` + planted + ` of the upstream"},"connect_timeout":"300ms"}`,
		`{"kind":"connector","name":"staff","template":"csv-users","source":{"csv":{"path":"` + filepath.Join(f.dir, "staff.csv") + `"}},"variables":{"displayname":"displayname","phone":"phone"},"filter":"username != \"\"","schedule":"0 4 * * *","authentication":{"method":"upstream","upstream":"directory"}}`,
		`{"kind":"connector","name":"web","template":"csv-phonebook","source":{"csv":{"url":"http://127.0.0.1:1/x.csv","username":"u","password":"` + planted + ` of the connector"}},"target":"phonebook/customers"}`,
		`{"kind":"phonebook","name":"customers","title":"Customers","readers":["everyone"]}`,
		`{"kind":"user","username":"alice","displayname":"Alice","phone":["100"],"auth":{"method":"internal"}}`,
		`{"kind":"user","username":"bob","displayname":"Bob","auth":{"method":"upstream","upstream":"directory"}}`,
		`{"kind":"contact","phonebook":"customers","displayname":"Taxi","phone":["030 1234"]}`,
		`{"kind":"speeddial","shortcode":"11","displayname":"Help desk","phone":["100"]}`,
		`{"kind":"device","name":"reception","password":"` + planted + ` of the device"}`,
	}
}

// plant puts what the operation before may have removed back in place.
func (f *fuzzer) plant(t *testing.T) {
	t.Helper()
	type file struct {
		Name string `json:"name"`
		Text string `json:"text"`
	}
	var files []file
	for _, document := range f.documents() {
		if !strings.Contains(document, `"contact"`) || !bytes.Contains(f.get("/api/v1/contacts"), []byte(`"Taxi"`)) {
			files = append(files, file{"documents.yaml", document})
		}
	}
	f.ask(t, http.MethodPost, "/api/v1/apply", map[string]any{"files": files})
	f.ask(t, http.MethodPut, "/api/v1/users/alice/password", map[string]any{"password": planted + " of the user"})
}

// ask sends a request that has to be carried out.
func (f *fuzzer) ask(t *testing.T, method, path string, in any) []byte {
	t.Helper()
	body := must[[]byte](t)(json.Marshal(in))
	request := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), method, "http://dialtree"+path, bytes.NewReader(body)))
	request.Header.Set("Content-Type", "application/json")
	response := must[*http.Response](t)(f.http.Do(request))
	defer response.Body.Close()
	answer := must[[]byte](t)(io.ReadAll(response.Body))
	if response.StatusCode >= 300 {
		t.Fatalf("%s %s: %s %s", method, path, response.Status, answer)
	}
	return answer
}

// pool holds names and values that reach further into the server than any text would.
func (f *fuzzer) pool(o openapi.Operation) openapi.Pool {
	p := openapi.Pool{
		Names:     []string{"alice", "bob", "staff", "web", "customers", "reception", "directory", "11", "yealink", "csv-users", "phonebook/customers", "users", "speeddials"},
		Documents: f.documents(),
		Texts: map[string][]string{
			"to": {"users", "phonebook/customers", "speeddials"}, "format": {"csv", "xlsx", "vcard", "json"},
			"method": {"upstream", "internal", "none"}, "upstream": {"directory"}, "phonebook": {"customers"}, "connector": {"staff"},
			"If-Match": {`"1"`, "*", `W/"1"`}, "If-None-Match": {"*"}, "role": {"admin", "editor", "viewer"},
			"schedule": {"0 4 * * *", "@every 1h"}, "password": {planted + " of nobody"}, "current": {planted + " of nobody"}, "new": {planted + " of nobody"},
			"body": {"username,displayname\ncarol,Carol\n", "displayname;phone\nTaxi;1\n", "PK\x03\x04"},
		},
	}
	if strings.HasSuffix(o.Path, "/apply") {
		p.Texts["text"] = f.documents()
	}
	// Names and documents are those that fit the operation, more often than not.
	for kind, names := range map[string][]string{
		"users": {"alice", "bob"}, "connectors": {"staff", "web"}, "phonebooks": {"customers"}, "devices": {"reception"},
		"upstreams": {"directory"}, "speeddials": {"11"}, "templates": {"csv-users"}, "phones": {"yealink", "snom"},
		"runs": f.ids("/api/v1/connectors/staff/runs?limit=5"), "contacts": f.ids("/api/v1/contacts?limit=5"), "jobs": f.ids("/api/v1/jobs"),
	} {
		if !strings.HasPrefix(o.Path+"/", "/api/v1/"+kind+"/") {
			continue
		}
		for _, parameter := range []string{"name", "run", "id", "template", "vendor"} {
			p.Texts[parameter] = names
		}
		if fitting := documentsOf(p.Documents, strings.TrimSuffix(kind, "s")); len(fitting) > 0 {
			p.Documents = fitting
		}
	}
	return p
}

func documentsOf(documents []string, kind string) (fitting []string) {
	for _, document := range documents {
		if strings.Contains(document, `"kind":"`+kind+`"`) {
			fitting = append(fitting, document)
		}
	}
	return fitting
}

// ids are those in a list of the API, and one that is in none.
func (f *fuzzer) ids(path string) []string {
	ids := []string{"none"}
	for _, found := range idInJSON.FindAllSubmatch(f.get(path), -1) {
		ids = append(ids, string(found[1]))
	}
	return ids
}

var idInJSON = regexp.MustCompile(`"id":"([^"]+)"`)

// keepInside lets a request write to no file but one of the test's own.
func (f *fuzzer) keepInside(r *openapi.Request) {
	if bytes.Contains(r.Body, []byte(`"path"`)) {
		r.Body = fmt.Appendf(nil, `{"path":%q}`, filepath.Join(f.dir, "a.backup"))
	}
}

// send sends one request, looks at the answer and returns its status.
func (f *fuzzer) send(t *testing.T, o openapi.Operation, r *openapi.Request) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), r.Method, "http://dialtree"+r.URL, bytes.NewReader(r.Body))
	check(t, err)
	request.Header = r.Header
	begun := time.Now()
	response, err := f.http.Do(request)
	if err != nil {
		t.Errorf("%v: no answer: %v", r, err)
		return 0
	}
	defer response.Body.Close()
	if unending(o) && response.StatusCode == http.StatusOK {
		return http.StatusOK
	}
	body, err := io.ReadAll(response.Body)
	if took := time.Since(begun); err != nil || took > answerLimit {
		t.Errorf("%v: answered in %v, %v", r, took, err)
	}
	if wrong := wrongAnswer(response, body, showsSecret(o)); wrong != "" {
		t.Errorf("%v: %s: %s\n%.2000s", r, response.Status, wrong, body)
	}
	return response.StatusCode
}

// unending tells whether the answer of an operation goes on until its client goes.
func unending(o openapi.Operation) bool {
	return strings.HasSuffix(o.Path, "/log/events") || strings.HasSuffix(o.Path, "/trace/events")
}

// showsSecret tells whether the operation is there to show the secret of a device.
func showsSecret(o openapi.Operation) bool { return strings.HasPrefix(o.Path, "/api/v1/phones/") }

// wrongAnswer says what no answer may be; empty: nothing.
func wrongAnswer(response *http.Response, body []byte, secret bool) string {
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	var problem struct {
		Status int
		Detail string
	}
	switch {
	case !secret && bytes.Contains(body, []byte(planted)):
		return "it shows a secret"
	case strings.Contains(fmt.Sprint(response.Header), planted):
		return "its header shows a secret"
	case len(response.Header.Values("Set-Cookie")) > 0 && strings.Contains(response.Header.Get("Set-Cookie"), "harm"), response.Header.Get("X-Harm") != "":
		return "its header was written by the client"
	case response.StatusCode < 400:
		return ""
	case response.StatusCode >= 500 && response.StatusCode != http.StatusServiceUnavailable:
		return "an error of the server's"
	case kind != "application/problem+json":
		return "a problem as " + kind
	case json.Unmarshal(body, &problem) != nil || problem.Status != response.StatusCode || problem.Detail == "":
		return "a problem that does not say what is wrong"
	}
	return ""
}

// healthy expects a server that serves and whose store is sound.
func (f *fuzzer) healthy(t *testing.T) {
	t.Helper()
	if ready := f.get("/readyz"); !bytes.Contains(ready, []byte("ok")) && !bytes.Contains(ready, []byte("ready")) {
		t.Errorf("/readyz: %s", ready)
	}
	f.plant(t)
	command(t, f.d, 0, "", "check")
	command(t, f.d, 0, "", "lookup", "alice")
}

// lineWith is the first line of a log that holds a text.
func lineWith(log, text string) string {
	for line := range strings.Lines(log) {
		if strings.Contains(line, text) {
			return line[:min(len(line), 2000)]
		}
	}
	return ""
}
