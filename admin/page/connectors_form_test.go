package page

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/store"
)

// typedAs is what a browser sends of a form that nobody touched.
func typedAs(f *connectorForm) url.Values {
	form := url.Values{}
	for _, c := range f.Fields {
		if c.Kind == valueBool && c.Value != "true" || strings.HasSuffix(c.Name, removal) {
			continue
		}
		form.Set(c.Name, strings.ReplaceAll(c.Value, "\n", "\r\n"))
	}
	for _, v := range f.Variables {
		form.Set(v.Name, v.Value)
	}
	return form
}

func formOf(t *testing.T, document string) *connectorForm {
	t.Helper()
	base, err := parseConnector(admin.Document(document))
	if err != nil {
		t.Fatal(err)
	}
	templates := realTemplates()
	i := slices.IndexFunc(templates, func(t admin.Template) bool { return t.Name == base.value("template") })
	f := newConnectorForm(templates[i], base, connectorLists{phonebooks: []string{"customers"}, upstreams: []string{"corp"}, connectors: []string{"first"}}, english)
	f.Name = base.value("name")
	f.draw()
	return f
}

// fullDocuments have every key that a connector of a source can have.
var fullDocuments = map[string]string{
	"csv path":          `"csv":{"path":"a.csv","encoding":"cp850","delimiter":"\t","line_separator":"crlf","enclosure":"'","header":false,"timeout":"1m0s"}`,
	"csv odd delimiter": `"csv":{"path":"a.csv","delimiter":"#","header":true}`,
	"csv share":         `"csv":{"path":"b\\a.csv","share":{"unc":"\\\\s\\t","username":"u","password":"[secret]","domain":"D"}}`,
	"csv url":           `"csv":{"url":"https://h/a.csv","username":"u","password":{"env":"PW"},"tls":{"ca_file":"/ca","server_name":"h","pinned_key":"sha256/x","insecure_skip_verify":true}}`,
	"csv token":         `"csv":{"url":"https://h/a.csv","token":{"file":"/t"}}`,
	"xlsx":              `"xlsx":{"path":"a.xlsx","sheet":"S","header_row":3}`,
	"ldap":              `"ldap":{"urls":["ldap://a","ldap://b"],"base":["dc=a","dc=b"],"bind_dn":"cn=x","password":"[secret]","filter":"(a=b)","attributes":["x","y"],"page_size":100,"tls":{"start_tls":true,"ca_file":"/ca"},"incremental":true}`,
	"ldap base":         `"ldap":{"urls":["ldap://a"],"base":"dc=a"}`,
	"ad":                `"ad":{"domain":"example.com","server":"dc1","username":"u","password":{"file":"/p"},"global_catalog":true,"base":"ou=a","filter":"(a=b)"}`,
	"ad urls":           `"ad":{"domain":"example.com","urls":["ldaps://a"],"bind_dn":"cn=x","password":"[secret]"}`,
	"ucs":               `"ucs":{"domain":"example.intranet","server":"m","username":"u$","password":"[secret]"}`,
	"rest":              `"rest":{"url":"https://p/x","username":"u","password":"[secret]","list":"/l","total":"/t","next":"link","timeout":"10s","tls":{"ca_file":"/ca"}}`,
	"unknown":           `"csv":{"path":"a.csv","colour":"blue","share":null}`,
}

const fullRest = `"target":"users","mode":"update","key":"k","filter":"a != \"\"","variables":{"phone":"e164(phone)","unheard":"x"},"schedule":"1 2 3 * *","timezone":"Europe/Berlin",
"jitter":"2m0s","after":"first","webhook":{"url":"https://a/","secret":"[secret]"},"limits":{"removals":"5%","rejected":"7"},"retain":"7d",
"authentication":{"method":"upstream","upstream":"corp","dn":"none"},"new_key":{"deep":[1,2.50,null]}`

// TestFormKeepsDocuments sends each form as it is: the document must stay the same, with keys that the form does not know.
func TestFormKeepsDocuments(t *testing.T) {
	for name, source := range fullDocuments {
		for _, rest := range []string{fullRest, `"target":"speeddials","authentication":{"method":"internal"}`, `"schedule":"0 6 * * *"`} {
			t.Run(name, func(t *testing.T) {
				kind, _, _ := strings.Cut(strings.TrimPrefix(source, `"`), `"`)
				template := map[string]string{"csv": "csv-users", "xlsx": "csv-users", "ldap": "ldap-users", "ad": "ad-users", "ucs": "ucs-users", "rest": "pbx-phonebook"}[kind]
				if kind == "rest" && !strings.Contains(rest, "target") { // a phonebook must be named
					rest += `,"target":"phonebook/customers"`
				}
				document := `{"name":"n","template":"` + template + `","source":{` + source + `},` + rest + `}`
				f := formOf(t, document)
				before := f.base.clone()
				f.read(typedAs(f))
				if name == "unknown" {
					delete(asMap(before.at("source.csv")), "share")
				}
				if !reflect.DeepEqual(f.doc, before) {
					t.Errorf("\n%v\nbecame\n%v", before, f.doc)
				}
			})
		}
	}
}

// FuzzFormKeepsConnectors sends the form of any connector that the store would take: it stays what it is.
func FuzzFormKeepsConnectors(f *testing.F) {
	templates := map[string]string{"csv": "csv-users", "xlsx": "csv-users", "ldap": "ldap-users", "ad": "ad-users", "ucs": "ucs-users", "rest": "pbx-phonebook"}
	for _, source := range fullDocuments {
		f.Add([]byte(`{"name":"n","template":"x","source":{` + source + `},` + strings.ReplaceAll(fullRest, `,"unheard":"x"`, "") + `}`))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		var c store.Connector
		if json.Unmarshal(document, &c) != nil || c.Validate() != nil {
			return
		}
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		base, err := parseConnector(text)
		if err != nil {
			t.Fatal(err)
		}
		for kind := range asMap(base.at("source")) {
			base.set("template", templates[kind])
		}
		if text, err = base.document(); err != nil {
			t.Fatal(err)
		}
		form := formOf(t, string(text))
		if form.Template.Target == "phonebook" && c.Target == "" { // a phonebook must be named
			return
		}
		before := form.base.clone()
		form.read(typedAs(form))
		if !reflect.DeepEqual(form.doc, before) {
			t.Errorf("\n%v\nbecame\n%v", before, form.doc)
		}
	})
}

// TestFormMakesDocuments fills the form of a new connector with everything that a stored one has.
func TestFormMakesDocuments(t *testing.T) {
	for name, source := range fullDocuments {
		if name == "unknown" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			kind, _, _ := strings.Cut(strings.TrimPrefix(source, `"`), `"`)
			template := map[string]string{"csv": "csv-users", "xlsx": "csv-users", "ldap": "ldap-users", "ad": "ad-users", "ucs": "ucs-users", "rest": "pbx-phonebook"}[kind]
			full := formOf(t, `{"name":"n","template":"`+template+`","source":{`+source+`},`+strings.ReplaceAll(fullRest, `,"unheard":"x"`, "")+`}`)
			full.base.remove("new_key")
			if template != "pbx-phonebook" {
				full.base.remove("target") // it is the template's own
			}
			typed := typedAs(full)
			typed.Set("name", "n")
			for _, c := range full.Fields { // as somebody types them who knows them
				if c.Kind == valueSecret && full.base.at(c.Name) != nil {
					typed.Set(c.Name, shownValue(full.base.at(c.Name), ""))
					if reference := secretReference(full.base.at(c.Name)); reference != "" {
						typed.Set(c.Name, reference)
					}
				}
			}
			empty := formOf(t, `{"name":"","template":"`+template+`","source":{"`+kind+`":{}}}`)
			empty.read(typed)
			if template == "pbx-phonebook" { // contacts do not log in
				full.base.remove("authentication")
			}
			got, want := connectorOf(t, empty.doc), connectorOf(t, full.base)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("\n%s\n%s", got, want)
			}
		})
	}
}

// connectorOf reads a document as the store does, with its defaults, and writes it again.
func connectorOf(t *testing.T, d connectorDocument) string {
	t.Helper()
	text, err := d.document()
	if err != nil {
		t.Fatal(err)
	}
	var c store.Connector
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	full := c.WithDefaults()
	out, err := json.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestChangesInForms(t *testing.T) {
	share := `{"name":"n","template":"csv-users","source":{"csv":{"path":"x","share":{"unc":"\\\\s\\t","username":"u","password":"[secret]"}}}}`
	for _, c := range []struct {
		name, document string
		typed          map[string]string
		want           string // the source, or the whole where it begins with a key
	}{
		{"from a share to a path", share, map[string]string{"place": "path", "source.csv.path": "/y"}, `{"csv":{"path":"/y"}}`},
		{"from a share to a URL", share, map[string]string{"place": "url", "source.csv.url": "https://h/"}, `{"csv":{"url":"https://h/"}}`},
		{"a share with nothing", `{"name":"n","template":"csv-users","source":{"csv":{}}}`, map[string]string{"place": "share"}, `{"csv":{"share":{}}}`},
		{"a secret is typed anew", share, map[string]string{"source.csv.share.password": "new"}, `{"csv":{"path":"x","share":{"password":"new","unc":"\\\\s\\t","username":"u"}}}`},
		{"a secret becomes a reference", share, map[string]string{"source.csv.share.password": "{file: /p}"}, `{"csv":{"path":"x","share":{"password":{"file":"/p"},"unc":"\\\\s\\t","username":"u"}}}`},
		{"a secret is removed", share, map[string]string{"source.csv.share.password" + removal: "true"}, `{"csv":{"path":"x","share":{"unc":"\\\\s\\t","username":"u"}}}`},
		{"a list is emptied", `{"name":"n","template":"ldap-users","source":{"ldap":{"urls":["a"],"base":"b"}}}`, map[string]string{"source.ldap.base": ""}, `{"ldap":{"urls":["a"]}}`},
		{"a number that is none is told by the API", `{"name":"n","template":"csv-users","source":{"xlsx":{"path":"x"}}}`, map[string]string{"source.xlsx.header_row": "three"}, `{"xlsx":{"header_row":"three","path":"x"}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := formOf(t, c.document)
			typed := typedAs(f)
			for name, value := range c.typed {
				typed.Set(name, value)
			}
			f.read(typed)
			got, err := json.Marshal(f.doc.at("source"))
			if err != nil || string(got) != c.want {
				t.Errorf("%s, not %s (%v)", got, c.want, err)
			}
		})
	}
}

func TestSecretsAreNeverInTheForm(t *testing.T) {
	b := start(t, connectorAnswers())
	w := b.get(t, "/connectors/staff/edit")
	wants(t, w, http.StatusOK, "One is stored. Leave this empty to keep it.", "••••••••")
	lacks(t, w, "[secret]")
	b.answers["PUT /connectors/staff"] = &admin.Problem{Status: http.StatusUnprocessableEntity, Detail: "source.ad.server: wrong", Errors: []admin.ProblemDetail{{Location: "source.ad.server", Message: "is not a server"}}}
	w = b.post(t, "/connectors/staff/edit", url.Values{"source.ad.password": {"very-secret"}, "source.ad.server": {"dc9 " + hostile}, "tag": {`"v1"`}})
	wants(t, w, http.StatusUnprocessableEntity, "is not a server", `aria-invalid="true"`, "Type it again", "dc9 &lt;script&gt;")
	lacks(t, w, "very-secret", hostile)
	if body := b.last(t, "PUT /connectors/staff").Body; !strings.Contains(body, "very-secret") || strings.Contains(body, "last_run") {
		t.Error(body)
	}
}

func TestStoredReferencesAreShown(t *testing.T) {
	b := start(t, connectorAnswers())
	b.answers["GET /connectors/staff"] = withTag(strings.Replace(staffDocument, `"password":"[secret]"`, `"password":{"file":"/etc/ad.password"}`, 1))
	wants(t, b.get(t, "/connectors/staff/edit"), http.StatusOK, "It is read from {file: /etc/ad.password}. Leave this empty to keep that.")
}

func TestSaveConnector(t *testing.T) {
	b := start(t, connectorAnswers())
	var match string
	b.answers["PUT /connectors/staff"] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		match = r.Header.Get("If-Match")
		json.NewEncoder(w).Encode(admin.Applied{})
	})
	w := b.post(t, "/connectors/staff/edit", url.Values{"tag": {`"v1"`}, "key": {"mail"}})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/connectors/staff?done=saved" || match != `"v1"` {
		t.Errorf("%d %s %q", w.Code, w.Header(), match)
	}
}

func TestSomebodyElseChangedTheConnector(t *testing.T) {
	b := start(t, connectorAnswers())
	b.answers["PUT /connectors/staff"] = &admin.Problem{Status: http.StatusPreconditionFailed, Detail: "changed"}
	w := b.post(t, "/connectors/staff/edit", url.Values{"tag": {`"v0"`}, "key": {"mail"}})
	wants(t, w, http.StatusPreconditionFailed, "Somebody else changed this connector", `value="mail"`, `name="tag" value="&#34;v0&#34;"`)

	wants(t, b.post(t, "/connectors/staff/edit", url.Values{"key": {"mail"}}), http.StatusPreconditionFailed, "Somebody else changed")

	// With an upstream to be made there is no If-Match: the page looks itself.
	w = b.post(t, "/connectors/staff/edit", url.Values{"tag": {`"v0"`}, "login": {"directory"}})
	wants(t, w, http.StatusPreconditionFailed, "Somebody else changed this connector")
	for _, a := range b.asked {
		if a.What == "POST /apply" {
			t.Error("it was applied")
		}
	}
}

func TestNewConnector(t *testing.T) {
	b := start(t, connectorAnswers())
	w := b.post(t, "/connectors/new/ad-users", url.Values{"source.ad.domain": {"example.com"}, "login": {"directory"}})
	wants(t, w, http.StatusUnprocessableEntity, "Give the connector a name", `value="example.com"`)

	form := url.Values{"name": {"people"}, "source.ad.domain": {"example.com"}, "source.ad.server": {"dc1"}, "source.ad.username": {"u"}, "source.ad.password": {"p"}, "login": {"directory"}, "target": {"users"}, "when": {"0 * * * *"}}
	w = b.post(t, "/connectors/new/ad-users", form)
	if w.Header().Get("Location") != "/connectors/people?done=created" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	var in admin.ApplyInput
	if err := json.Unmarshal([]byte(b.last(t, "POST /apply").Body), &in); err != nil || len(in.Files) != 1 {
		t.Fatal(err, in)
	}
	for _, part := range []string{`"authentication":true`, `"schedule":"0 * * * *"`, `"template":"ad-users"`, `"name":"people"`} {
		if !strings.Contains(in.Files[0].Text, part) {
			t.Errorf("%s is not in %s", part, in.Files[0].Text)
		}
	}

	form.Set("name", "new")
	wants(t, b.post(t, "/connectors/new/ad-users", form), http.StatusUnprocessableEntity, `id="e-name"`, "This page itself uses that name")
	form.Set("name", "staff")
	wants(t, b.post(t, "/connectors/new/ad-users", form), http.StatusPreconditionFailed, "There is a connector of this name already")

	form.Set("name", "people")
	form.Set("login", "none")
	var onlyNew string
	b.answers["PUT /connectors/people"] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		onlyNew = r.Header.Get("If-None-Match")
		json.NewEncoder(w).Encode(admin.Applied{})
	})
	if w = b.post(t, "/connectors/new/ad-users", form); w.Code != http.StatusSeeOther || onlyNew != "*" {
		t.Errorf("%d %q %s", w.Code, onlyNew, w.Body)
	}
}

func TestNewPhonebookOfAConnector(t *testing.T) {
	b := start(t, connectorAnswers())
	form := url.Values{"name": {"suppliers"}, "place": {"path"}, "source.csv.path": {"s.csv"}, "target": {"new"}, "target.new": {"suppliers"}, "target.readers": {"everyone"}}
	if w := b.post(t, "/connectors/new/csv-phonebook", form); w.Code != http.StatusSeeOther {
		t.Fatal(w.Body)
	}
	var in admin.ApplyInput
	if err := json.Unmarshal([]byte(b.last(t, "POST /apply").Body), &in); err != nil || len(in.Files) != 2 {
		t.Fatal(err, in)
	}
	if !strings.Contains(in.Files[0].Text, `"readers":["everyone"]`) || !strings.Contains(in.Files[1].Text, `"target":"phonebook/suppliers"`) {
		t.Errorf("%+v", in)
	}
	b.answers["POST /apply"] = &admin.Problem{Status: http.StatusUnprocessableEntity, Detail: "mistakes", Errors: []admin.ProblemDetail{{File: "phonebook", Location: "name", Message: "is no good name"}}}
	wants(t, b.post(t, "/connectors/new/csv-phonebook", form), http.StatusUnprocessableEntity, `id="e-target.new"`, "is no good name", `<option value="new" selected`)
}

func TestLookAtSource(t *testing.T) {
	b := start(t, connectorAnswers())
	post := func(part string, form url.Values) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "/connectors/new/ad-users?part="+part, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Fragment", "1")
		return b.send(t, r)
	}
	w := post("look", url.Values{"source.ad.domain": {"example.com"}, "login": {"directory"}})
	wants(t, w, http.StatusOK, "data-seen", "The first 3 records", "left out by the filter", "is missing", "cannot be dialled", "&lt;script&gt;", `<option value="col(&#34;Room number&#34;)">`,
		`data-into="v-phone"`, "&#43;49301234")
	lacks(t, w, "<html", hostile)
	if body := b.last(t, "POST /connectors/preview").Body; strings.Contains(body, "authentication") || !strings.Contains(body, `"name":"new"`) {
		t.Error(body)
	}

	b.answers["POST /connectors/preview"] = admin.SourceLook{Preview: admin.Preview{Error: "dc1: connection refused"}}
	w = post("look", nil)
	wants(t, w, http.StatusOK, "dc1: connection refused")
	lacks(t, w, "data-seen")

	b.answers["POST /connectors/preview"] = &admin.Problem{Status: http.StatusUnprocessableEntity, Detail: "mistakes", Errors: []admin.ProblemDetail{{Location: "variables.phone", Message: "there is no function e16"}, {Location: "source.ad.domain", Message: "is missing"}}}
	w = post("look", nil)
	wants(t, w, http.StatusOK, "there is no function e16", "<strong>Domain</strong>: is missing", "data-seen")
	lacks(t, w, `data-into="columns"`) // what was offered before stays

	// Without the script the whole page comes, with what was typed.
	w = b.post(t, "/connectors/new/ad-users?part=look", url.Values{"source.ad.server": {"dc7"}, "source.ad.password": {"hidden-one"}})
	wants(t, w, http.StatusOK, "<html", `value="dc7"`, "there is no function e16")
	lacks(t, w, "hidden-one")
}

func TestTimesOfASchedule(t *testing.T) {
	b := start(t, connectorAnswers())
	r := httptest.NewRequest(http.MethodPost, "/connectors/staff/edit?part=times", strings.NewReader(url.Values{"when": {"custom"}, "schedule": {"5 5 * * *"}, "timezone": {"Europe/Berlin"}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Fragment", "1")
	wants(t, b.send(t, r), http.StatusOK, "The next times:", "today at")
	if q := b.last(t, "GET /schedule").Query; q.Get("schedule") != "5 5 * * *" || q.Get("timezone") != "Europe/Berlin" || q.Get("count") != "5" {
		t.Error(q)
	}
	b.answers["GET /schedule"] = &admin.Problem{Status: http.StatusUnprocessableEntity, Detail: "the schedule has 4 parts, not 5"}
	wants(t, b.post(t, "/connectors/staff/edit?part=times", url.Values{"when": {"custom"}, "schedule": {"5 5 * *"}}), http.StatusOK, "the schedule has 4 parts")
}
