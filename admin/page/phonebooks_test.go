package page

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/store"
)

func phonebookAnswers() map[string]any {
	const contact = `{"kind":"contact","id":"c1","phonebook":"customers","displayname":"Müller <GmbH>","phone":["+49 30 1","+49 30 2"],"photo":"AAAA","connector":"crm"}`
	overview := sampleOverview()
	overview.Phonebooks = map[string]int{"customers": 200000}
	list := pageOf(contact, `{"kind":"contact","id":"c2","displayname":"Second"}`)
	list.Total, list.Next = 200000, "n2"
	return map[string]any{
		"GET /phonebooks":                      pageOf(`{"kind":"phonebook","name":"customers","title":"Customers","readers":["everyone"]}`),
		"GET /phonebooks/customers":            tagged(`{"kind":"phonebook","name":"customers","title":"Customers","readers":["everyone"]}`),
		"PUT /phonebooks/customers":            admin.Applied{Name: "customers"},
		"PUT /phonebooks/new":                  admin.Applied{Name: "new"},
		"DELETE /phonebooks/customers":         nil,
		"GET /phonebooks/customers/duplicates": admin.Duplicates{Groups: []admin.DuplicateGroup{{By: "number", Value: "+49301", Contacts: list.Items}}},
		"GET /overview":                        overview,
		"GET /devices":                         pageOf(`{"kind":"device","name":"reception"}`),
		"GET /contacts":                        list,
		"GET /contacts/c1":                     tagged(contact),
		"PUT /contacts/c1":                     admin.Applied{},
		"POST /contacts":                       admin.Applied{},
		"DELETE /contacts/c1":                  nil,
		"DELETE /contacts/c1/local":            nil,
		"GET /contacts/c1/origin":              admin.Origin{ID: "c1", DN: "uid=c1,ou=customers", Connector: "crm", Key: "4711", Values: []admin.OriginValue{{Field: "phone", From: "hand"}}},
		"GET /speeddials":                      pageOf(`{"kind":"speeddial","id":"s1","shortcode":"12","displayname":"Police","phone":["110"]}`),
		"GET /lookup":                          admin.Lookup{Steps: []admin.LookupStep{{Title: "whose number it is", Filter: "(telephoneNumber=1)", Entries: []admin.LookupEntry{{Name: "Anna", Phone: []string{"1"}}}}}},
		"POST /import/jobs":                    admin.Job{ID: "j1"},
		"GET /jobs/j1":                         admin.Job{ID: "j1", DryRun: true, Done: true, Report: &admin.Report{DryRun: true, Run: store.Run{Created: 3}, Changes: []admin.PlannedChange{{Change: "reject", Row: 7, Column: "phone", Reason: "is no number"}}}},
	}
}

func TestPhonebooks(t *testing.T) {
	b := start(t, phonebookAnswers())
	wants(t, b.get(t, "/phonebooks"), http.StatusOK, "Customers", "200,000", "device:reception")
	wants(t, b.get(t, "/phonebooks/books/customers?q=m%C3%BCl"), http.StatusOK, "Müller &lt;GmbH&gt;", "200,000 contacts", "q=m%C3%BCl")
	wants(t, b.get(t, "/phonebooks/books/customers/duplicates"), http.StatusOK, "&#43;49301", "Second")
	wants(t, b.get(t, "/phonebooks/speeddials"), http.StatusOK, "Police", "1 speed dial")
	wants(t, b.get(t, "/phonebooks/lookup?text=1&as=everyone"), http.StatusOK, "Anna", "(telephoneNumber=1)")
	wants(t, b.get(t, "/phonebooks/books/customers/settings"), http.StatusOK, "everyone", "tag-1")

	r := httptest.NewRequest(http.MethodGet, "/phonebooks/books/customers?q=x", nil)
	r.Header.Set("X-Fragment", "1")
	if w := b.send(t, r); strings.Contains(w.Body.String(), "<html") || !strings.Contains(w.Body.String(), "Second") {
		t.Error(w.Body)
	}
	b.asked = nil
	w := b.post(t, "/phonebooks/books/customers/settings", url.Values{"title": {"C"}, "readers": {"device:reception\r\ngroup:sales"}, "tag": {`"tag-1"`}})
	if w.Code != http.StatusSeeOther || !strings.Contains(b.asked[0].Body, `"readers":["device:reception","group:sales"]`) {
		t.Error(w.Code, b.asked)
	}
	b.answers["PUT /phonebooks/new"] = &admin.Problem{Status: http.StatusUnprocessableEntity, Detail: "mistakes", Errors: []admin.ProblemDetail{{Location: "readers[0]", Message: "is no reader"}}}
	wants(t, b.post(t, "/phonebooks/new", url.Values{"name": {"new"}, "readers": {"nobody"}}), http.StatusUnprocessableEntity, "is no reader", "nobody")
}

func TestContact(t *testing.T) {
	b := start(t, phonebookAnswers())
	wants(t, b.get(t, "/phonebooks/books/customers/contacts/c1"), http.StatusOK, "&#43;49 30 1\n&#43;49 30 2", "Connector crm made this entry.", "uid=c1,ou=customers", "Changed by hand:")
	b.asked = nil
	w := b.post(t, "/phonebooks/books/customers/contacts/c1", url.Values{"displayname": {"New"}, "phone": {"1\r\n2"}, "tag": {`"tag-1"`}})
	body := b.asked[1].Body
	if w.Code != http.StatusSeeOther || !strings.Contains(body, `"phone":["1","2"]`) || !strings.Contains(body, `"photo":"AAAA"`) || !strings.Contains(body, `"displayname":"New"`) {
		t.Error(w.Code, b.asked)
	}
	b.answers["PUT /contacts/c1"] = &admin.Problem{Status: http.StatusPreconditionFailed, Detail: "was changed"}
	wants(t, b.post(t, "/phonebooks/books/customers/contacts/c1", url.Values{"displayname": {"typed"}, "tag": {`"old"`}}), http.StatusPreconditionFailed, "Somebody else changed", `value="typed"`, "&#34;old&#34;")
	b.asked = nil
	w = b.post(t, "/phonebooks/books/customers/new", url.Values{"displayname": {"Made"}})
	if w.Code != http.StatusSeeOther || b.asked[0].What != "POST /contacts" || !strings.Contains(b.asked[0].Body, `"phonebook":"customers"`) {
		t.Error(w.Code, b.asked)
	}
	for _, path := range []string{"delete", "give-back"} {
		if w := b.post(t, "/phonebooks/books/customers/contacts/c1/"+path, nil); w.Code != http.StatusSeeOther {
			t.Error(path, w.Code, w.Body)
		}
	}
}

// fileForm is a form with a file, as a browser sends one.
func fileForm(t *testing.T, content string, values map[string]string) *http.Request {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, value := range values {
		w.WriteField(name, value)
	}
	if content != "" {
		file, err := w.CreateFormFile("file", "new.csv")
		if err != nil {
			t.Fatal(err)
		}
		file.Write([]byte(content))
	}
	w.Close()
	r := httptest.NewRequest(http.MethodPost, "/phonebooks/import", &body)
	r.Header.Set("Content-Type", w.FormDataContentType())
	return r
}

func TestFileImport(t *testing.T) {
	b := start(t, phonebookAnswers())
	b.who.Session = "s1"
	wants(t, b.get(t, "/phonebooks/import?to=phonebook/customers"), http.StatusOK, `value="phonebook/customers" selected`)
	wants(t, b.send(t, fileForm(t, "", map[string]string{"to": "speeddials"})), http.StatusUnprocessableEntity, "Choose a file first")
	b.asked = nil
	w := b.send(t, fileForm(t, "displayname\nAnna\n", map[string]string{"to": "phonebook/customers", "dry_run": "true"}))
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/phonebooks/import/j1" || b.asked[0].Query.Get("dry_run") != "true" || b.asked[0].Query.Get("to") != "phonebook/customers" {
		t.Fatal(w.Code, w.Header(), b.asked)
	}
	wants(t, b.get(t, "/phonebooks/import/j1"), http.StatusOK, "is no number", "Import exactly this", "new.csv")
	b.asked = nil
	w = b.post(t, "/phonebooks/import/j1/confirm", nil)
	if w.Code != http.StatusSeeOther || b.asked[0].Query.Get("confirm") != "true" {
		t.Error(w.Code, b.asked)
	}
	b.who.Session = "s2"
	wants(t, b.post(t, "/phonebooks/import/j1/confirm", nil), http.StatusConflict, "no longer at hand")
}

// The file of an import lies where it was uploaded: who looks at another node, or comes later, is told how to go on.
func TestImportWithoutItsFile(t *testing.T) {
	b := start(t, phonebookAnswers())
	b.at.Node = "b"
	job := &admin.Job{ID: "j1", Connector: handImports, Node: "a", DryRun: true, Done: true, Report: sampleReport(store.RunDone)}
	b.answers["GET /jobs/j1"] = job
	w := b.get(t, "/phonebooks/import/j1")
	wants(t, w, http.StatusOK, "The file is on node a", `href="/phonebooks/import"`)
	lacks(t, w, "Import exactly this")
	b.at.Node = "a"
	wants(t, b.get(t, "/phonebooks/import/j1"), http.StatusOK, "The file is no longer at hand")
	job.DryRun = false
	lacks(t, b.get(t, "/phonebooks/import/j1"), "no longer at hand")
	b.answers["GET /jobs/j1"] = &admin.Problem{Status: http.StatusNotFound, Detail: "job j1 does not exist"}
	wants(t, b.get(t, "/phonebooks/import/j1"), http.StatusNotFound, "Nothing is known of this run any more", "choose it:")
}

func TestUploadsLeaveByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var u uploads
		for range maxUploads {
			u.keep("1", "s", admin.HandFile{}, time.Now())
			time.Sleep(time.Minute)
		}
		time.Sleep(uploadsKept)
		synctest.Wait()
		u.mu.Lock()
		defer u.mu.Unlock()
		if len(u.kept) > 0 {
			t.Errorf("%d files are still in memory", len(u.kept))
		}
	})
}

func TestUploadsAreFewAndShortLived(t *testing.T) {
	var u uploads
	for _, job := range []string{"1", "2", "3", "4", "5"} {
		u.keep(job, "s", admin.HandFile{Name: job}, now)
	}
	if _, ok := u.get("1", "s", now); ok {
		t.Error("the oldest is still there")
	}
	if f, ok := u.get("5", "s", now); !ok || f.Name != "5" {
		t.Error("the newest is gone")
	}
	if _, ok := u.get("5", "s", now.Add(time.Hour)); ok {
		t.Error("it outlives its time")
	}
}
