package page

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/admin/phonesettings"
)

// pageOf is a list of documents as the API sends one.
func pageOf(documents ...string) *admin.Page {
	p := &admin.Page{Items: []admin.Document{}, Total: len(documents)}
	for _, d := range documents {
		p.Items = append(p.Items, admin.Document(d))
	}
	return p
}

// tagged answers with a document and its tag.
func tagged(document string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"tag-1"`)
		w.Write([]byte(document))
	}
}

func phoneAnswers() map[string]any {
	const device = `{"kind":"device","name":"reception","title":"Ground <floor>","password":"[secret]"}`
	return map[string]any{
		"GET /devices":                   pageOf(device, `{"kind":"device","name":"old","disabled":true}`),
		"GET /devices/reception":         tagged(device),
		"GET /phonebooks":                pageOf(`{"kind":"phonebook","name":"customers","title":"Customers"}`),
		"GET /logins":                    []admin.Login{{At: now, User: "reception", Address: "192.0.2.7", Outcome: "accepted"}, {At: now, Outcome: "refused", Detail: "wrong secret"}},
		"GET /phones":                    phonesettings.List(),
		"POST /devices/reception/secret": admin.Applied{Name: "reception", Password: "fresh-secret"},
		"PUT /devices/floor-2":           admin.Applied{Effect: "created", Name: "floor-2", Password: "made-secret"},
		"PUT /devices/reception":         admin.Applied{Effect: "updated", Name: "reception"},
		"DELETE /devices/reception":      nil,
		"GET /phones/snom":               http.HandlerFunc(snomSheet),
		"GET /phones/nokia":              &admin.Problem{Status: http.StatusNotFound, Detail: "no such make"},
	}
}

// snomSheet answers with settings, with the secret where it is asked for.
func snomSheet(w http.ResponseWriter, r *http.Request) {
	vendor, _ := phonesettings.Find("snom")
	s := phonesettings.Sheet{Vendor: vendor, Text: "<ldap_password>REPLACE</ldap_password>", Notes: []string{"WARNING: plain text", "Use % for the number."}, FileName: "snom.xml"}
	if r.URL.Query().Get("secret") == "true" {
		s.Text = "<ldap_password>s3cret</ldap_password>"
	}
	json.NewEncoder(w).Encode(s)
}

func TestDevices(t *testing.T) {
	b := start(t, phoneAnswers())
	wants(t, b.get(t, "/phones"), http.StatusOK, "reception", "Ground &lt;floor&gt;", "disabled")
	wants(t, b.get(t, "/phones/devices/reception"), http.StatusOK, "192.0.2.7", "wrong secret", "&#34;tag-1&#34;", "Yealink")

	w := b.post(t, "/phones/devices/new", url.Values{"name": {"floor-2"}, "title": {"Second"}})
	wants(t, w, http.StatusOK, "made-secret")
	w = b.post(t, "/phones/devices/reception/secret", nil)
	wants(t, w, http.StatusOK, "fresh-secret")
	if w := b.get(t, "/phones/devices/reception"); strings.Contains(w.Body.String(), "secret\":") || strings.Contains(w.Body.String(), "fresh-secret") {
		t.Error("the secret is shown a second time")
	}

	b.asked = nil
	w = b.post(t, "/phones/devices/reception", url.Values{"title": {"New"}, "tag": {`"tag-1"`}})
	if w.Code != http.StatusSeeOther || !strings.Contains(b.asked[0].Body, `"disabled":true`) {
		t.Error(w.Code, b.asked)
	}

	b.answers["PUT /devices/floor-2"] = &admin.Problem{Status: http.StatusUnprocessableEntity, Detail: "mistakes", Errors: []admin.ProblemDetail{{Location: "name", Message: "is taken"}}}
	w = b.post(t, "/phones/devices/new", url.Values{"name": {"floor-2"}, "title": {"typed"}, "password": {"my-secret"}})
	wants(t, w, http.StatusUnprocessableEntity, "is taken", `value="typed"`)
	if strings.Contains(w.Body.String(), "my-secret") {
		t.Error("the secret comes back")
	}

	b.answers["PUT /devices/reception"] = &admin.Problem{Status: http.StatusPreconditionFailed, Detail: "was changed since"}
	wants(t, b.post(t, "/phones/devices/reception", url.Values{"title": {"x"}, "tag": {`"old"`}}), http.StatusPreconditionFailed, "was changed since")
}

func TestPhoneSettings(t *testing.T) {
	b := start(t, phoneAnswers())
	wants(t, b.get(t, "/phones/settings?device=reception"), http.StatusOK, "Yealink", "/phones/settings/snom?device=reception")
	w := b.get(t, "/phones/settings/snom?device=reception&secret=true")
	wants(t, w, http.StatusOK, "&lt;ldap_password&gt;REPLACE", "WARNING: plain text")
	if strings.Contains(w.Body.String(), "s3cret") {
		t.Error("an address leads to the secret")
	}
	wants(t, b.post(t, "/phones/settings/snom", url.Values{"device": {"reception"}}), http.StatusOK, "s3cret")
	w = b.post(t, "/phones/settings/snom/file", url.Values{"device": {"reception"}})
	if w.Header().Get("Content-Disposition") != "attachment; filename=snom.xml" || !strings.Contains(w.Body.String(), "s3cret") {
		t.Error(w.Header(), w.Body)
	}
	wants(t, b.get(t, "/phones/settings/nokia"), http.StatusNotFound, "no such make")

	b.who.Role, b.who.Scopes = access.RoleViewer, access.RoleViewer.Scopes()
	w = b.get(t, "/phones/settings/snom")
	if strings.Contains(w.Body.String(), "Fill in the secret") {
		t.Error("a viewer is offered the secret")
	}
	if w = b.post(t, "/phones/settings/snom/file", url.Values{"device": {"reception"}}); strings.Contains(w.Body.String(), "s3cret") {
		t.Error("a viewer's file has the secret")
	}
}

func systemAnswers() map[string]any {
	ago := now.Add(-40 * 24 * time.Hour)
	return map[string]any{
		"GET /status":         admin.Status{Version: admin.Version{Version: "v1.2.3", Commit: "abc", Go: "go1.26"}, Ready: admin.Readiness{Ready: true}},
		"GET /store":          admin.StoreFigures{Dir: "/var/lib/dialtree", Bytes: 345 << 20, DiskFree: 20 << 30, Change: 12345, Entries: map[string]int{"user": 1, "contact": 12033}, LastBackup: &ago},
		"GET /certificates":   []admin.Certificate{{Use: "ldap", File: "/etc/c.pem", Names: []string{"pbx.example.com"}, NotAfter: now.Add(10 * 24 * time.Hour)}, {Use: "admin", File: "/etc/a.pem", Error: "no such file"}},
		"GET /config":         []admin.Setting{{Key: "ldap.listen", Value: "127.0.0.1:3389", From: "default"}, {Key: "base_dn", Value: "dc=example", From: "file", Where: "dialtree.yaml:3", Reload: true}},
		"GET /log":            []admin.LogRecord{{N: 1, At: now, Level: "INFO", Message: "first"}, {N: 2, At: now, Level: "WARN", Message: "second", Attrs: []admin.LogAttr{{Key: "user", Value: "<b>"}}}},
		"GET /audit":          []admin.AuditRecord{{N: 9, At: now, Who: "anna", From: "192.0.2.1", Action: "updated", Kind: "user", Name: "bob", Fields: []admin.FieldChange{{Field: "phone", Old: "1", New: "2"}}, More: 3}},
		"GET /audit/refusals": []admin.Refusal{{N: 5, Last: now, Count: 1234, Door: "ldaps", Name: "<i>mallory", From: "192.0.2.66", Outcome: "unknown_user", Code: 49, Reason: "no user or device has this name"}},
		"GET /administrators": pageOf(`{"kind":"administrator","name":"anna","role":"admin","password":"[secret]"}`),
		"GET /roles":          pageOf(`{"kind":"role","name":"editor","groups":["sales"]}`),
		"GET /tokens":         pageOf(`{"kind":"token","name":"ci","scopes":["read"],"expires":"2027-01-01T00:00:00Z"}`),
		"GET /sessions":       []admin.Session{{ID: "s1", Name: "anna", From: "192.0.2.1", Current: true}, {ID: "s2", Name: "bob", From: "192.0.2.2"}},
		"POST /links":         admin.Link{URL: "https://pbx/first?code=c0de", Expires: now},
		"PUT /tokens/new":     admin.Applied{Name: "new", Password: "t0ken"},
		"DELETE /sessions/s2": nil, "PUT /me/password": nil, "PUT /roles/editor": admin.Applied{}, "PUT /administrators/carl": admin.Applied{}, "DELETE /tokens/ci": nil,
	}
}

func TestSystem(t *testing.T) {
	b := start(t, systemAnswers())
	wants(t, b.get(t, "/system"), http.StatusOK, "v1.2.3", "345 MiB", "20 GiB", "pbx.example.com", "soon", "no such file", "40 days ago", "12,033 contacts")
	wants(t, b.get(t, "/system/configuration"), http.StatusOK, "dialtree.yaml:3", "ldap.listen")
	if w := b.get(t, "/system/configuration?own=1"); strings.Contains(w.Body.String(), "ldap.listen") {
		t.Error("a default is shown")
	}
	w := b.get(t, "/system/log")
	wants(t, w, http.StatusOK, "&lt;b&gt;")
	if strings.Index(w.Body.String(), "second") > strings.Index(w.Body.String(), "first") {
		t.Error("the oldest comes first")
	}
	wants(t, b.get(t, "/system/audit"), http.StatusOK, "192.0.2.1", "and 3 more", `<ins class="new">2</ins>`)
	b.asked = nil
	wants(t, b.get(t, "/system/refused?user=mal&address=192.0.2.0/24"), http.StatusOK, "&lt;i&gt;mallory", "192.0.2.66", "unknown_user 49", "no user or device has this name", "1234", "/system/refused/file?address=192.0.2.0%2F24&amp;user=mal&amp;format=csv")
	if asked := fmt.Sprint(b.asked); !strings.Contains(asked, "/audit/refusals") {
		t.Error(asked)
	}
	wants(t, b.get(t, "/system/follow?what=a%26b"), http.StatusOK, `data-follow="/api/v1/trace/events?what=a%26b"`, "Following a&amp;b")
	if w := b.get(t, "/system/follow"); strings.Contains(w.Body.String(), "data-follow") {
		t.Error("nobody is followed before somebody is named")
	}
	b.who.Scopes = access.RoleViewer.Scopes()
	if w := b.get(t, "/system/follow?what=alice"); w.Code != http.StatusForbidden {
		t.Errorf("a viewer follows: %d", w.Code)
	}
	if w := b.get(t, "/system"); strings.Contains(w.Body.String(), "/system/access") || strings.Contains(w.Body.String(), "/system/backup") {
		t.Error("a viewer is offered what he may not do")
	}
}

func TestAccess(t *testing.T) {
	b := start(t, systemAnswers())
	wants(t, b.get(t, "/system/access"), http.StatusOK, "sales", "192.0.2.2", "ci", `value="2027-11-24"`)
	wants(t, b.post(t, "/system/access/administrators", url.Values{"name": {"carl"}, "role": {"viewer"}}), http.StatusOK, "code=c0de")
	b.asked = nil
	w := b.post(t, "/system/access/tokens", url.Values{"name": {"new"}, "scope": {"read", "run"}, "expires": {"2027-01-01"}})
	wants(t, w, http.StatusOK, "t0ken")
	if !strings.Contains(b.asked[0].Body, `"scopes":["read","run"]`) {
		t.Error(b.asked)
	}
	wants(t, b.post(t, "/system/access/tokens", url.Values{"name": {"new"}, "expires": {"soon"}}), http.StatusUnprocessableEntity, "Choose the day")
	b.asked = nil
	if w := b.post(t, "/system/access/roles/editor", url.Values{"groups": {"sales\r\n\r\n service "}}); w.Code != http.StatusSeeOther || !strings.Contains(b.asked[0].Body, `"groups":["sales","service"]`) {
		t.Error(w.Code, b.asked)
	}
	for _, path := range []string{"/system/access/sessions/s2/end", "/system/access/tokens/ci/delete"} {
		if w := b.post(t, path, nil); w.Code != http.StatusSeeOther {
			t.Error(path, w.Code, w.Body)
		}
	}
}

func TestMe(t *testing.T) {
	b := start(t, systemAnswers())
	w := b.get(t, "/system/me")
	wants(t, w, http.StatusOK, "192.0.2.1")
	if strings.Contains(w.Body.String(), "192.0.2.2") {
		t.Error("another's session is shown")
	}
	wants(t, b.post(t, "/system/me", url.Values{"current": {"a"}, "new": {"b"}, "again": {"c"}}), http.StatusUnprocessableEntity, "differ")
	if w := b.post(t, "/system/me", url.Values{"current": {"a"}, "new": {"b"}, "again": {"b"}}); w.Code != http.StatusSeeOther {
		t.Error(w.Code, w.Body)
	}
	b.answers["PUT /me/password"] = &admin.Problem{Status: http.StatusUnprocessableEntity, Detail: "the present password is wrong"}
	wants(t, b.post(t, "/system/me", url.Values{"current": {"a"}, "new": {"b"}, "again": {"b"}}), http.StatusUnprocessableEntity, "the present password is wrong")
}
