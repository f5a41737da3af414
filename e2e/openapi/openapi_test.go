package openapi

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

const description = `{"openapi":"3.1.0","paths":{
"/things/{name}":{"put":{"operationId":"put-thing","x-scope":"admin","parameters":[
  {"name":"name","in":"path","required":true,"schema":{"type":"string"}},
  {"name":"limit","in":"query","schema":{"type":"integer","minimum":1,"maximum":9}}],
  "requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Thing"}}}}},
 "get":{"operationId":"get-thing","parameters":[{"name":"name","in":"path","required":true,"schema":{"type":"string"}}]}}},
"components":{"schemas":{"Thing":{"type":"object","required":["size","kind"],"properties":{
  "size":{"type":"integer","minimum":3,"maximum":5},"kind":{"type":"string","enum":["a","b"]},
  "tags":{"type":["array","null"],"items":{"type":"string"}},"inner":{"$ref":"#/components/schemas/Thing"}}}}}}`

func read(t *testing.T) *Description {
	t.Helper()
	d, err := Read([]byte(description))
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Operations) != 2 || d.Operations[1].String() != "PUT /things/{name}" || d.Operations[1].Scope != "admin" {
		t.Fatalf("operations %+v", d.Operations)
	}
	return d
}

func TestValidRequestsFitTheDescription(t *testing.T) {
	d := read(t)
	m := NewMaker(d, "valid", Pool{Names: []string{"one"}})
	named, limited := 0, 0
	for range 500 {
		r := m.Valid(d.Operations[1])
		var thing struct {
			Size float64
			Kind string
			Tags []string
		}
		if err := json.Unmarshal(r.Body, &thing); err != nil {
			t.Fatalf("%v: %v", r, err)
		}
		if thing.Size < 3 || thing.Size > 5 || thing.Kind != "a" && thing.Kind != "b" {
			t.Errorf("%v: not as described", r)
		}
		u, err := url.Parse("http://host" + r.URL)
		if err != nil {
			t.Fatalf("%v: %v", r, err)
		}
		if u.Path == "/things/one" {
			named++
		}
		if limit := u.Query().Get("limit"); limit != "" {
			limited++
			if len(limit) != 1 || limit == "0" {
				t.Errorf("limit %q", limit)
			}
		}
	}
	if named < 50 || limited < 50 {
		t.Errorf("%d requests name what there is, and %d have a limit", named, limited)
	}
}

// The same seed makes the same requests, another one others; some of the wrong ones are wrong.
func TestWrongRequests(t *testing.T) {
	d := read(t)
	all := func(seed string) (requests string, unreadable int) {
		m := NewMaker(d, seed, Pool{})
		for range 200 {
			r := m.Wrong(d.Operations[1])
			requests += r.String() + "\n"
			if !json.Valid(r.Body) {
				unreadable++
			}
		}
		return requests, unreadable
	}
	first, unreadable := all("a")
	if again, _ := all("a"); again != first {
		t.Error("the same seed made other requests")
	}
	if other, _ := all("b"); other == first {
		t.Error("another seed made the same requests")
	}
	if unreadable == 0 || !strings.Contains(first, "etc") {
		t.Errorf("%d bodies of 200 are no JSON", unreadable)
	}
}
