package admin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/admin"
)

// raw asks the socket and returns the status and everything that was answered.
func (b *bench) raw(t *testing.T, method, path, body string, header ...string) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", b.socket)
	}}}
	request, err := http.NewRequestWithContext(t.Context(), method, "http://dialtree"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	r, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, fmt.Sprint(r.Header) + string(text)
}

const secrets = `
kind: upstream
name: corp
urls: [ldaps://dc1.example.com]
search: {base: "dc=example,dc=com", filter: "(uid=%)", bind_dn: cn=proxy, password: marker-upstream}
---
kind: phonebook
name: customers
---
kind: device
name: reception
password: marker-device-long
---
kind: connector
name: staff
template: csv-users
source: {csv: {path: users.csv}}
webhook: {url: "https://alerts.example.com/", secret: marker-webhook}
---
kind: user
username: alice
displayname: Alice
password: marker-user-long
---
kind: contact
phonebook: customers
displayname: ACME
phone: "1"
---
kind: speeddial
shortcode: "1"
displayname: Taxi
phone: "1"
`

// TestNoSecretInAnyAnswer puts a secret wherever there is room for one, then asks
// every route for everything, rightly and wrongly, and looks for the secrets.
func TestNoSecretInAnyAnswer(t *testing.T) {
	b := start(t)
	b.apply(t, secrets)
	status, description := b.raw(t, http.MethodGet, "/api/v1/openapi.json", "")
	if status != http.StatusOK {
		t.Fatal(status)
	}
	var api struct{ Paths map[string]map[string]any }
	if err := json.Unmarshal([]byte(description[strings.Index(description, "{"):]), &api); err != nil {
		t.Fatal(err)
	}
	bodies := []string{
		"", `{"password":"marker-body"}`, `{"login":"alice","password":"marker-body"}`, `{"login":5,"password":{"a":"marker-body"}}`,
		`{"password":["marker-body"]}`, `{"password":"marker-body`, `{"method":"marker-body"`,
		`{"files":[{"name":"f","text":"kind: user\nusername: zoe\npassword: {a: marker-body}"}]}`,
		`{"files":[{"name":"f","text":"kind: device\nname: d\npassword: [marker-body]"}]}`,
		`{"files":[{"name":"f","text":"kind: device\nname: d\npassword: *marker-body"}]}`,
		`{"files":[{"name":"f","text":"kind: device\nname: BAD NAME\npassword: marker-body"}]}`,
		`{"files":[{"name":"f","text":"kind: device\nname: d\npassword: !marker-body x"}]}`,
		`{"files":[{"name":"f","text":"kind: upstream\nname: corp\nsearch: marker-body"}],"marker":1}`,
	}
	asked := 0
	for path, methods := range api.Paths {
		for method := range methods {
			// The events of the log do not end, and are what /log has. A backup is made of what is stored.
			if strings.HasSuffix(path, "/log/events") || method == "get" && strings.HasSuffix(path, "/backup") {
				continue
			}
			for _, name := range []string{"corp", "customers", "reception", "staff", "alice", "ACME", "1", "staff-1", "csv-users", "nobody"} {
				for _, body := range bodies {
					if method == "delete" || path == "/api/v1/devices/{name}/secret" {
						name = "nobody" // what is deleted or replaced cannot leak later
					}
					route := strings.NewReplacer("{name}", name, "{template}", name, "{run}", name, "{vendor}", "yealink").Replace(path)
					if method == "get" && body != "" {
						continue
					}
					_, answer := b.raw(t, strings.ToUpper(method), route, body)
					asked++
					if strings.Contains(answer, "marker-") || strings.Contains(answer, "argon2id") || strings.Contains(answer, "bWFya2Vy") {
						// A search filter that is wrong is no secret: the type is what the message is about.
						if !strings.Contains(body, "search: marker-body") {
							t.Errorf("%s %s %s: %s", method, route, body, answer)
						}
					}
				}
			}
		}
	}
	if asked < 500 {
		t.Fatalf("only %d requests: the description lists %d paths", asked, len(api.Paths))
	}
	for _, path := range []string{"/metrics", "/healthz", "/readyz", "/api/v1/nothing"} {
		if _, answer := b.raw(t, http.MethodGet, path, ""); strings.Contains(answer, "marker-") {
			t.Errorf("%s: %s", path, answer)
		}
	}
	if text := b.log.String(); strings.Contains(text, "marker-") || strings.Contains(text, "argon2id") {
		t.Errorf("the log: %s", text)
	}
	// The secrets are there all the same.
	corp, err := b.store.Upstream("corp")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := corp.Search.Password.Resolve(); err != nil || got != "marker-upstream" {
		t.Errorf("upstream's password %q, %v", got, err)
	}
	// A put has replaced that of the device, as it was asked to.
	device, err := b.store.Device("reception")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := device.Password.Resolve(); err != nil || got != "marker-body" {
		t.Errorf("device's password %q, %v", got, err)
	}
}

// TestDeviceSecret: one is made, returned once, and kept by every later apply.
func TestDeviceSecret(t *testing.T) {
	b := start(t)
	const device = "kind: device\nname: reception\n"
	made := b.apply(t, device)[0]
	if made.Effect != "created" || len(made.Password) != 32 {
		t.Fatalf("%+v", made)
	}
	again := b.apply(t, device+"title: Reception\n")[0]
	if again.Effect != "updated" || again.Password != "" {
		t.Errorf("%+v", again)
	}
	document, err := b.client.Get(t.Context(), "device", "reception")
	if err != nil || !strings.Contains(string(document), `"[secret]"`) {
		t.Errorf("%s %v", document, err)
	}
	stored, err := b.store.Device("reception")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := stored.Password.Resolve(); err != nil || got != made.Password {
		t.Errorf("password %q, %v; want %q", got, err, made.Password)
	}
	dry, err := b.client.Apply(t.Context(), []admin.File{{Name: "f", Text: "kind: device\nname: other\n"}}, true)
	if err != nil || dry.Applied[0].Effect != "created" || dry.Applied[0].Password != "" {
		t.Errorf("%+v %v", dry, err)
	}
}
