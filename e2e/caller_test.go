//go:build e2e

package e2e_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/openapi"
)

// A caller asks a server's admin door, as a browser, a program or nobody.
type caller struct {
	base   string
	http   *http.Client
	header http.Header
}

// An answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// network is nobody, who comes over the network.
func network(d *fixture.Dialtree) caller {
	return caller{d.AdminURL(), &http.Client{
		Timeout:       5 * answerLimit,
		Transport:     d.AdminTransport(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, http.Header{}}
}

// owner comes by the unix socket.
func owner(d *fixture.Dialtree) caller {
	return caller{"http://dialtree", socketClient(d), http.Header{}}
}

// with is the caller with one more line in its header.
func (c caller) with(key, value string) caller {
	c.header = c.header.Clone()
	c.header.Set(key, value)
	return c
}

// browser is the caller with what a browser adds to requests of the page's own.
func (c caller) browser() caller {
	return c.with("Sec-Fetch-Site", "same-origin").with("Origin", c.base)
}

// ask sends a request; a body that is no string or bytes goes as JSON.
func (c caller) ask(t *testing.T, method, path string, body any) answer {
	t.Helper()
	kind, content := "", []byte(nil)
	switch b := body.(type) {
	case nil:
	case string:
		content, kind = []byte(b), "application/x-www-form-urlencoded"
	case []byte:
		content, kind = b, "application/json"
	default:
		content, kind = must[[]byte](t)(json.Marshal(b)), "application/json"
	}
	request := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), method, c.base+path, bytes.NewReader(content)))
	request.Header = c.header.Clone()
	if kind != "" && request.Header.Get("Content-Type") == "" {
		request.Header.Set("Content-Type", kind)
	}
	response := must[*http.Response](t)(c.http.Do(request))
	defer response.Body.Close()
	if strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
		return answer{response.StatusCode, response.Header, ""} // it need not end
	}
	text := must[[]byte](t)(io.ReadAll(response.Body))
	return answer{response.StatusCode, response.Header, string(text)}
}

// done sends a request that has to be carried out, and decodes the answer into out unless it is nil.
func (c caller) done(t *testing.T, method, path string, body, out any) answer {
	t.Helper()
	a := c.ask(t, method, path, body)
	if a.status >= 300 {
		t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
	}
	if out != nil {
		check(t, json.Unmarshal([]byte(a.body), out))
	}
	return a
}

// apply applies documents.
func (c caller) apply(t *testing.T, documents string) (passwords []string) {
	t.Helper()
	var out struct{ Applied []struct{ Password string } }
	files := []map[string]string{{"name": "documents.yaml", "text": documents}}
	c.done(t, http.MethodPost, "/api/v1/apply", map[string]any{"files": files}, &out)
	for _, applied := range out.Applied {
		passwords = append(passwords, applied.Password)
	}
	return passwords
}

// The names and passwords of those who sign in.
const (
	adminName      = "ada"
	adminPassword  = planted + " of the administrator"
	viewerName     = "vera"
	viewerPassword = planted + " of the viewer"
)

// signedIn makes an administrator with a role by a one-time link, and returns them as a browser.
func signedIn(t *testing.T, d *fixture.Dialtree, name, password, role string) caller {
	t.Helper()
	owner(d).apply(t, "kind: administrator\nname: "+name+"\nrole: "+role+"\n")
	var link struct{ URL string }
	owner(d).done(t, http.MethodPost, "/api/v1/links", map[string]string{"name": name}, &link)
	code := must[*url.URL](t)(url.Parse(link.URL)).Query().Get("code")
	a := network(d).browser().done(t, http.MethodPost, "/api/v1/session/first", map[string]string{"code": code, "name": name, "password": password}, nil)
	return network(d).browser().with("Cookie", cookiePair(t, a))
}

// signIn signs in with a password.
func signIn(t *testing.T, d *fixture.Dialtree, name, password string) caller {
	t.Helper()
	a := network(d).browser().done(t, http.MethodPost, "/api/v1/session", map[string]string{"login": name, "password": password}, nil)
	return network(d).browser().with("Cookie", cookiePair(t, a))
}

// cookiePair is the name and the value of the cookie that an answer sets.
func cookiePair(t *testing.T, a answer) string {
	t.Helper()
	pair, _, _ := strings.Cut(a.header.Get("Set-Cookie"), ";")
	if pair == "" {
		t.Fatalf("no cookie in %v", a.header)
	}
	return pair
}

// withToken is a program with a token of these scopes.
func withToken(t *testing.T, d *fixture.Dialtree, scopes ...string) caller {
	t.Helper()
	name := "token-" + strings.Join(scopes, "-")
	expires := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	made := owner(d).apply(t, "kind: token\nname: "+name+"\nscopes: ["+strings.Join(scopes, ", ")+"]\nexpires: "+expires+"\n")
	if len(made) != 1 || made[0] == "" {
		t.Fatalf("a token was made as %q", made)
	}
	return network(d).with("Authorization", "Bearer "+made[0])
}

// operations are those that the API describes.
func operations(t *testing.T, d *fixture.Dialtree) (*openapi.Description, []openapi.Operation) {
	t.Helper()
	text := owner(d).done(t, http.MethodGet, "/api/v1/openapi.json", nil, nil).body
	description := must[*openapi.Description](t)(openapi.Read([]byte(text)))
	if len(description.Operations) < 40 {
		t.Fatalf("the API describes %d operations", len(description.Operations))
	}
	return description, description.Operations
}

// staticPath is the folder of the page's files.
var staticPath = regexp.MustCompile(`/static/[^/"]+/`)

// linked are the addresses of the server that a page names, in their quotes.
var linked = regexp.MustCompile(`"/[^" ]*"`)

var parameter = regexp.MustCompile(`\{[a-z_]+\}`)

// nowhere is a path of an operation for something that there is not.
func nowhere(o openapi.Operation) string {
	return parameter.ReplaceAllString(o.Path, "nobody-and-nothing")
}
