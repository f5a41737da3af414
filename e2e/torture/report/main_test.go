package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

const figures = `{"part":"clients","what":"cases","server":"Dialtree","value":"3"}
{"part":"disk","what":"kills","server":"Dialtree","value":"50"}
{"part":"clients","what":"crashes","server":"Dialtree","value":"0"}
{"part":"clients","what":"crashes","server":"slapd","value":"1"}
{"part":"clients","what":"cases","server":"Dialtree","value":"4"}
`

func TestPlacesTables(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "figures"), filepath.Join(dir, "doc.md")
	write(t, from, figures)
	write(t, to, "a\n<!-- figures: disk -->\nold\n<!-- end -->\nb\n<!-- figures: clients -->\n<!-- end -->\nc\n<!-- figures: other -->\nkept\n<!-- end -->\n")
	if err := run([]string{from, to}, nil); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	want := `a
<!-- figures: disk -->
| | Dialtree |
|---|---|
| kills | 50 |
<!-- end -->
b
<!-- figures: clients -->
| | Dialtree | slapd |
|---|---|---|
| cases | 4 |  |
| crashes | 0 | 1 |
<!-- end -->
c
<!-- figures: other -->
kept
<!-- end -->
`
	if string(got) != want {
		t.Errorf("the document is\n%s\nwant\n%s", got, want)
	}
}

func TestRefuses(t *testing.T) {
	dir := t.TempDir()
	good, empty, broken, document := filepath.Join(dir, "good"), filepath.Join(dir, "empty"), filepath.Join(dir, "broken"), filepath.Join(dir, "doc.md")
	write(t, good, figures)
	write(t, empty, "")
	write(t, broken, "{")
	write(t, document, "<!-- figures: clients -->\n<!-- end -->\n")
	for name, args := range map[string][]string{
		"no arguments": {}, "no figures": {empty}, "no JSON": {broken}, "a part without marks": {good, document},
	} {
		if err := run(args, new(bytes.Buffer)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
