package admin_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// maxReference is what the page may weigh: it is also read over slow lines.
const maxReference = 300 << 10

// description is what the tests of the page want of openapi.json.
type description struct {
	Tags  []struct{ Name, Description string }
	Paths map[string]map[string]struct {
		OperationID, Summary, Description string
		Tags                              []string
		Parameters                        []struct{ Name, In, Description string }
	}
	Components struct{ Schemas map[string]any }
}

func (b *bench) description(t *testing.T) *description {
	t.Helper()
	_, text := b.raw(t, http.MethodGet, "/api/v1/openapi.json", "")
	var d description
	if err := json.Unmarshal([]byte(text[strings.Index(text, "{"):]), &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Paths) < 50 || len(d.Components.Schemas) < 50 {
		t.Fatalf("only %d paths and %d schemas", len(d.Paths), len(d.Components.Schemas))
	}
	return &d
}

// The page says everything that the description for programs says.
func TestReferenceIsWhole(t *testing.T) {
	b := start(t)
	b.apply(t, people)
	w := b.signedIn(t, "vera").ask(t, http.MethodGet, "/api/v1/docs", "")
	page := w.Body.String()
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("%d %v %.300s", w.Code, w.Header(), page)
	}
	if len(page) > maxReference {
		t.Errorf("%d bytes", len(page))
	}
	d := b.description(t)
	for path, methods := range d.Paths {
		for method, op := range methods {
			_, section, _ := strings.Cut(page, `id="op-`+op.OperationID+`"`)
			section, _, _ = strings.Cut(section, "</section>")
			section = html.UnescapeString(section)
			for _, want := range []string{"<b>" + strings.ToUpper(method) + "</b>", "<code>" + path + "</code>", op.Summary, "curl ", "--unix-socket"} {
				if !strings.Contains(section, want) {
					t.Errorf("%s %s: no %q", method, path, want)
				}
			}
			for _, p := range op.Parameters {
				if !strings.Contains(section, "<code>"+p.Name+"</code>") {
					t.Errorf("%s %s: no parameter %s", method, path, p.Name)
				}
			}
		}
	}
	for name := range d.Components.Schemas {
		if strings.Count(page, `id="schema-`+name+`"`) != 1 {
			t.Errorf("the schema %s has %d places", name, strings.Count(page, `id="schema-`+name+`"`))
		}
	}
}

// What the page has to say is worth reading.
func TestEveryOperationIsDescribed(t *testing.T) {
	d := start(t).description(t)
	described := map[string]bool{}
	for _, tag := range d.Tags {
		described[tag.Name] = tag.Description != ""
	}
	for path, methods := range d.Paths {
		for method, op := range methods {
			if op.Summary == "" || op.Description == "" {
				t.Errorf("%s %s has no summary or description", method, path)
			}
			if len(op.Tags) != 1 || !described[op.Tags[0]] {
				t.Errorf("%s %s: the tags %v are not described", method, path, op.Tags)
			}
			for _, p := range op.Parameters {
				if p.Description == "" {
					t.Errorf("%s %s: the parameter %s is not described", method, path, p.Name)
				}
			}
		}
	}
}

var (
	idAttribute = regexp.MustCompile(` id="([^"]*)"`)
	hrefToID    = regexp.MustCompile(` href="#([^"]*)"`)
	active      = regexp.MustCompile(`<script|<style|javascript:|<[^>]* (style|on[a-z]+)=`)
	heading     = regexp.MustCompile(`<h([1-6])`)
)

// The page needs nothing that the policy forbids, and can be used without seeing it.
func TestReferenceIsAccessible(t *testing.T) {
	b := start(t)
	_, page := b.raw(t, http.MethodGet, "/api/v1/docs", "")
	if found := active.FindAllString(page, 3); found != nil {
		t.Errorf("the page has %q", found)
	}
	ids := map[string]bool{}
	for _, id := range idAttribute.FindAllStringSubmatch(page, -1) {
		if ids[id[1]] {
			t.Errorf("two have the id %s", id[1])
		}
		ids[id[1]] = true
	}
	for _, link := range hrefToID.FindAllStringSubmatch(page, -1) {
		if !ids[link[1]] {
			t.Errorf("a link leads to #%s, which is not there", link[1])
		}
	}
	last := byte('0')
	for _, h := range heading.FindAllStringSubmatch(page, -1) {
		if h[1][0] > last+1 || h[1] == "1" && last != '0' {
			t.Errorf("a heading of level %s follows one of level %c", h[1], last)
		}
		last = h[1][0]
	}
	if strings.Count(page, "<h1>") != 1 || !strings.Contains(page, `class="skip" href="#content"`) || !strings.Contains(page, `<html lang="en">`) {
		t.Error("there is no single h1, skip link or language")
	}
	if tables, rows := strings.Count(page, "<table"), strings.Count(page, `scope="row"`); tables < 50 || rows < tables {
		t.Errorf("%d tables with %d rows", tables, rows)
	}
}

// The page is for those who may read, on both doors.
func TestWhoReadsTheReference(t *testing.T) {
	b := start(t)
	b.apply(t, people)
	for _, path := range []string{"/api/v1/docs", "/api/v1/docs.css"} {
		w := b.visitor().ask(t, http.MethodGet, path, "")
		if w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") == "" || strings.Contains(w.Body.String(), "curl") {
			t.Errorf("%s: nobody: %d %v %.300s", path, w.Code, w.Header(), w.Body)
		}
		if w := b.signedIn(t, "vera").ask(t, http.MethodGet, path, ""); w.Code != http.StatusOK {
			t.Errorf("%s: a viewer: %d", path, w.Code)
		}
		r := httptest.NewRequest(http.MethodGet, path, nil)
		w = httptest.NewRecorder()
		if b.server.LocalHandler().ServeHTTP(w, r); w.Code != http.StatusOK {
			t.Errorf("%s: on the socket: %d", path, w.Code)
		}
	}
}
