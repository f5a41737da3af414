package main

import (
	"encoding/json"
	"regexp"
	"runtime/debug"
	"testing"
)

// TestBillOfMaterials holds what the schema of CycloneDX 1.5 asks of these parts: its patterns, enumerations, required keys, and
// that references are unique and lead somewhere.
func TestBillOfMaterials(t *testing.T) {
	info := &debug.BuildInfo{
		GoVersion: "go1.26.8",
		Main:      debug.Module{Path: "github.com/dialtree/dialtree", Version: "v1.2.3"},
		Deps: []*debug.Module{
			{Path: "go.etcd.io/bbolt", Version: "v1.5.0", Sum: "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
			{Path: "example.com/old", Version: "v1.0.0", Replace: &debug.Module{Path: "example.com/new", Version: "v1.0.1+incompatible"}},
		},
		Settings: []debug.BuildSetting{{Key: "-trimpath", Value: "true"}},
	}
	text, err := json.Marshal(billOfMaterials(info))
	if err != nil {
		t.Fatal(err)
	}
	again, _ := json.Marshal(billOfMaterials(info))
	if string(text) != string(again) {
		t.Error("the same binary has two bills")
	}
	var b bom
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	if b.Format != "CycloneDX" || b.SpecVersion != "1.5" || b.Version < 1 {
		t.Errorf("%s %s %d", b.Format, b.SpecVersion, b.Version)
	}
	if !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`).MatchString(b.SerialNumber) {
		t.Errorf("serial number %s", b.SerialNumber)
	}
	refs := map[string]bool{}
	for _, c := range append(b.Components, b.Metadata.Component) {
		if refs[c.Ref] || c.Ref == "" || c.Name == "" || c.Type != "library" && c.Type != "application" {
			t.Errorf("component %+v", c)
		}
		refs[c.Ref] = true
		for _, h := range c.Hashes {
			if h.Algorithm != "SHA-256" || !regexp.MustCompile(`^([a-fA-F0-9]{32}|[a-fA-F0-9]{40}|[a-fA-F0-9]{64}|[a-fA-F0-9]{96}|[a-fA-F0-9]{128})$`).MatchString(h.Content) {
				t.Errorf("hash %+v", h)
			}
		}
	}
	for _, want := range []string{"pkg:golang/stdlib@1.26.8", "pkg:golang/go.etcd.io/bbolt@v1.5.0", "pkg:golang/example.com/new@v1.0.1%2Bincompatible", "pkg:golang/github.com/dialtree/dialtree@v1.2.3"} {
		if !refs[want] {
			t.Errorf("%s is missing from %v", want, refs)
		}
	}
	for _, d := range b.Dependencies {
		for _, on := range append(d.On, d.Ref) {
			if !refs[on] {
				t.Errorf("%s leads nowhere", on)
			}
		}
	}
}
