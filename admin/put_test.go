package admin_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/admin"
)

// problemIs tells whether an error is a problem with a status and a text.
func problemIs(err error, status int, text string) bool {
	var p *admin.Problem
	return errors.As(err, &p) && p.Status == status && strings.Contains(p.Detail+" "+p.Error(), text)
}

func TestPut(t *testing.T) {
	b := start(t)
	listWorld(t, b)
	contacts, err := b.client.List(t.Context(), "contact", admin.ListOptions{Phonebook: "customers"})
	if err != nil {
		t.Fatal(err)
	}
	var beta struct{ ID string }
	if err := json.Unmarshal(contacts[0], &beta); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, path, body string
		kind             admin.Kind
		o                admin.PutOptions
		effect           string // of what is done
		status           int    // of a problem
		want             string // in the document then, or in the problem
	}{
		{"a new user", "erna", `{"displayname":"Erna 😀"}`, "user", admin.PutOptions{New: true}, "created", 0, `"username":"erna","displayname":"Erna 😀"`},
		{"escapes that are no YAML", "erna", `{"displayname":"\ud83d\ude00\/"}`, "user", admin.PutOptions{}, "updated", 0, `"displayname":"😀/"`},
		{"the same again", "erna", `{"displayname":"😀/"}`, "user", admin.PutOptions{}, "unchanged", 0, ""},
		{"one that exists", "ERNA", `{"displayname":"x"}`, "user", admin.PutOptions{New: true}, "", 412, "exists already"},
		{"a stale tag", "erna", `{"displayname":"x"}`, "user", admin.PutOptions{IfMatch: `"1"`}, "", 412, "was changed since it was read"},
		{"a tag of what is gone", "nobody", `{"displayname":"x"}`, "user", admin.PutOptions{IfMatch: `"1"`}, "", 412, "is not there any more"},
		{"a dry run", "frida", `{"displayname":"x"}`, "user", admin.PutOptions{DryRun: true}, "created", 0, ""},
		{"a renamed user", "erna", `{"username":"erna2","displayname":"Erna"}`, "user", admin.PutOptions{}, "updated", 0, `"username":"erna2"`},
		{"nobody to be renamed", "gerd", `{"username":"hans","displayname":"Hans"}`, "user", admin.PutOptions{}, "", 422, "no user of that name to be renamed"},
		{"a hidden user is made anew", "carl", `{"displayname":"Carl"}`, "user", admin.PutOptions{New: true}, "updated", 0, `"displayname":"Carl"`},
		{"an unknown key", "erna2", `{"displayname":"x","phnoe":"1"}`, "user", admin.PutOptions{}, "", 422, "phnoe: unknown key; did you mean phone"},
		{"another kind", "erna2", `{"kind":"contact","displayname":"x"}`, "user", admin.PutOptions{}, "", 422, "must be user here"},
		{"another ID", beta.ID, `{"id":"x","phonebook":"customers","displayname":"Beta"}`, "contact", admin.PutOptions{}, "", 422, "an ID never changes"},
		{"no object", "erna2", `[]`, "user", admin.PutOptions{}, "", 422, "must be an object"},
		{"a contact by its ID", beta.ID, `{"phonebook":"suppliers","displayname":"Gamma"}`, "contact", admin.PutOptions{}, "updated", 0, `"phonebook":"suppliers","displayname":"Gamma"`},
		{"a contact that there is not", "c000000000000", `{"phonebook":"customers","displayname":"x"}`, "contact", admin.PutOptions{}, "", 404, "does not exist"},
		{"a contact without a phonebook", beta.ID, `{"displayname":"x"}`, "contact", admin.PutOptions{}, "", 422, "phonebook: is missing"},
		{"a new contact", "", `{"phonebook":"suppliers","displayname":"Alpha"}`, "contact", admin.PutOptions{}, "created", 0, `"displayname":"Alpha"`},
		{"a speed dial", "*1", `{"displayname":"Taxi","phone":["0301234"]}`, "speeddial", admin.PutOptions{}, "created", 0, `"shortcode":"*1"`},
		{"a new object", "", `{"name":"office","title":"Office"}`, "phonebook", admin.PutOptions{}, "created", 0, `"title":"Office"`},
		{"a new object that exists", "", `{"name":"office"}`, "phonebook", admin.PutOptions{}, "", 412, "exists already"},
		{"an object without its name", "office", `{"readers":["everyone"]}`, "phonebook", admin.PutOptions{}, "updated", 0, `"readers":["everyone"]`},
		{"a renamed object", "office", `{"name":"bureau"}`, "phonebook", admin.PutOptions{}, "", 422, "an object cannot be renamed"},
		{"a wrong value has its path", "office", `{"readers":["everyone","nobody"]}`, "phonebook", admin.PutOptions{}, "", 422, "readers[1]"},
		{"a device without a secret", "lobby", `{}`, "device", admin.PutOptions{}, "created", 0, `"password":"[secret]"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			done, err := b.client.Put(t.Context(), tc.kind, tc.path, admin.Document(tc.body), tc.o)
			if tc.status != 0 {
				if !problemIs(err, tc.status, tc.want) {
					t.Errorf("%v, want %d with %s", err, tc.status, tc.want)
				}
				return
			}
			if err != nil || done.Effect != tc.effect {
				t.Fatalf("%+v, %v; want %s", done, err, tc.effect)
			}
			name := done.ID
			if name == "" {
				name = done.Name
			}
			if tc.kind == "device" && len(done.Password) != 32 {
				t.Errorf("made the secret %q", done.Password)
			}
			document, err := b.client.Get(t.Context(), tc.kind, name)
			if tc.o.DryRun {
				if !problemIs(err, 404, "") {
					t.Errorf("a dry run left %s, %v", document, err)
				}
				return
			}
			if err != nil || !strings.Contains(string(document), tc.want) {
				t.Errorf("%s, %v; want %s", document, err, tc.want)
			}
		})
	}
}

// TestPutTags puts what was read, as long as nobody else was faster.
func TestPutTags(t *testing.T) {
	b := start(t)
	listWorld(t, b)
	for _, tc := range []struct {
		kind   admin.Kind
		name   string
		change string
	}{{"user", "alice", `{"displayname":"New"}`}, {"phonebook", "customers", `{"title":"New"}`}} {
		document, tag, err := b.client.GetTagged(t.Context(), tc.kind, tc.name)
		if err != nil || tag == "" {
			t.Fatal(tag, err)
		}
		done, err := b.client.Put(t.Context(), tc.kind, tc.name, document, admin.PutOptions{IfMatch: tag})
		if err != nil || done.Effect != "unchanged" {
			t.Errorf("%s: what was read, put again: %+v, %v", tc.kind, done, err)
		}
		if _, err := b.client.Put(t.Context(), tc.kind, tc.name, admin.Document(tc.change), admin.PutOptions{IfMatch: tag}); err != nil {
			t.Error(tc.kind, err)
		}
		_, err = b.client.Put(t.Context(), tc.kind, tc.name, document, admin.PutOptions{IfMatch: tag})
		if !problemIs(err, http.StatusPreconditionFailed, "was changed since it was read") {
			t.Errorf("%s: a stale tag: %v", tc.kind, err)
		}
	}
}

// TestDescription: the description of the API has a schema of each kind with its keys.
func TestDescription(t *testing.T) {
	b := start(t)
	_, text := b.raw(t, http.MethodGet, "/api/v1/openapi.json", "")
	_, text, _ = strings.Cut(text, "{")
	text = "{" + text
	var api struct {
		Components struct {
			Schemas map[string]struct{ Properties map[string]any }
		}
	}
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&api); err != nil {
		t.Fatal(err, text[:200])
	}
	for kind, keys := range map[string]string{
		"user": "username displayname phone auth password groups id", "contact": "displayname phonebook phone notes", "speeddial": "shortcode phone",
		"upstream": "name urls bind_dn search tls cache", "connector": "name source variables schedule status", "phonebook": "name readers",
		"device": "name password disabled", "container": "name readers",
	} {
		properties := api.Components.Schemas["Document-"+kind].Properties
		for _, key := range strings.Fields(keys) {
			if properties[key] == nil {
				t.Errorf("%s has no %s in %v", kind, key, properties)
			}
		}
	}
}
