package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"runtime/debug"
	"strings"
)

// A bom is a CycloneDX bill of materials, in the part of its version 1.5 that says what is in a binary.
type bom struct {
	Format       string         `json:"bomFormat"`
	SpecVersion  string         `json:"specVersion"`
	SerialNumber string         `json:"serialNumber"`
	Version      int            `json:"version"`
	Metadata     bomMetadata    `json:"metadata"`
	Components   []bomComponent `json:"components"`
	Dependencies []bomDepends   `json:"dependencies"`
}

type bomMetadata struct {
	Component  bomComponent  `json:"component"`
	Properties []bomProperty `json:"properties,omitempty"`
}

type bomComponent struct {
	Type    string    `json:"type"`
	Ref     string    `json:"bom-ref"`
	Name    string    `json:"name"`
	Version string    `json:"version,omitempty"`
	PURL    string    `json:"purl"`
	Hashes  []bomHash `json:"hashes,omitempty"`
}

type bomHash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type bomProperty struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type bomDepends struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn"`
}

// billOfMaterials lists what a binary was built from, as the Go tool noted it there. It has no time, and its serial number follows
// from its content: the same binary has the same bill.
func billOfMaterials(info *debug.BuildInfo) bom {
	main := component("application", &info.Main)
	b := bom{Format: "CycloneDX", SpecVersion: "1.5", Version: 1, Metadata: bomMetadata{Component: main}}
	for _, s := range info.Settings {
		b.Metadata.Properties = append(b.Metadata.Properties, bomProperty{"go:build:" + s.Key, s.Value})
	}
	// The standard library is as much a part of it as a module, and has its own vulnerabilities.
	std := component("library", &debug.Module{Path: "stdlib", Version: strings.TrimPrefix(info.GoVersion, "go")})
	b.Components = append(b.Components, std)
	sum := sha256.New()
	for _, m := range info.Deps {
		c := component("library", m)
		b.Components = append(b.Components, c)
		sum.Write([]byte(c.Ref + "\n"))
	}
	sum.Write([]byte(main.Ref + "\n" + std.Ref))
	b.SerialNumber = "urn:uuid:" + uuidOf(sum.Sum(nil))
	on := make([]string, len(b.Components))
	for i, c := range b.Components {
		on[i] = c.Ref
	}
	b.Dependencies = []bomDepends{{Ref: main.Ref, On: on}}
	return b
}

func component(kind string, m *debug.Module) bomComponent {
	if m.Replace != nil {
		m = m.Replace
	}
	version := cmp.Or(m.Version, "(devel)")
	c := bomComponent{Type: kind, Name: m.Path, Version: version, PURL: "pkg:golang/" + m.Path + "@" + url.QueryEscape(version)}
	c.Ref = c.PURL
	// go.sum's h1 is the SHA-256 of the list of the module's files and their own.
	if sum, ok := strings.CutPrefix(m.Sum, "h1:"); ok {
		if raw, err := base64.StdEncoding.DecodeString(sum); err == nil {
			c.Hashes = []bomHash{{"SHA-256", hex.EncodeToString(raw)}}
		}
	}
	return c
}

// uuidOf makes a UUID of a hash (RFC 9562, version 8).
func uuidOf(sum []byte) string {
	u := append([]byte(nil), sum[:16]...)
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	h := hex.EncodeToString(u)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
