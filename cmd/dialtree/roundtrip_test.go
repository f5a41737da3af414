package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/admin/export"
	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer"
)

// TestExportsAreImported writes a phonebook as a file and imports it again, into the one that it is
// from, where nothing changes, and into another one, which becomes the same.
func TestExportsAreImported(t *testing.T) {
	for _, format := range []string{"csv", "xlsx"} {
		t.Run(format, func(t *testing.T) {
			st, err := store.Open(t.Context(), store.Options{Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			defer st.Close()
			s, err := syncer.New(syncer.Options{Store: st, BaseDir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			changes := &store.Changes{PutObjects: []store.Object{&store.Phonebook{Name: "from"}, &store.Phonebook{Name: "to"}}}
			for _, texts := range [][3]string{
				{"=HYPERLINK(\"http://x\")", "+49 30 1234", "a \"quoted\", text; with\nlines\r\nand\rmore"},
				{"'=1", "0301234", "-1"},
				{"'s Gravenhage", "00493012", "'+49"},
				{"+1+cmd|' /C calc'!A0", "*97", "@x"},
				{"_x000D_ 😀 <&>", "4,9E+1", "＝full width"},
				{"１２３", "+4930;x", "\tindented"},
				{"Plain", "007", strings.Repeat("ü", 30_000)},
			} {
				values := store.Values{{Field: store.DisplayName, Text: texts[0]}, {Field: store.Phone, Text: "+49 1"}, {Field: store.Phone, Text: "0" + strings.Trim(texts[1], "+;x,E")},
					{Field: store.Notes, Text: strings.TrimSpace(texts[2])}}
				changes.Put = append(changes.Put, store.Entry{Kind: store.KindContact, Phonebook: "from", Values: values})
			}
			if _, err := st.Apply(t.Context(), changes); err != nil {
				t.Fatal(err)
			}
			content := exported(t, st, format, "from")
			for target, want := range map[string][2]int{"phonebook/from": {0, 7}, "phonebook/to": {7, 0}} {
				r, err := s.ImportFile(t.Context(), syncer.HandFile{Name: "list", Content: content, Target: target}, syncer.ImportOptions{})
				if err != nil || [2]int{r.Run.Created, r.Run.Unchanged} != want || r.Run.Updated+r.Run.Rejected > 0 {
					t.Errorf("%s: %+v, %v", target, r, err)
				}
			}
			if got, want := described(t, st, "to"), described(t, st, "from"); got != want {
				t.Errorf("%s\nwant %s", got, want)
			}
		})
	}
}

func exported(t *testing.T, st *store.Store, format, phonebook string) []byte {
	t.Helper()
	var out bytes.Buffer
	f, _ := export.FormatByName(format)
	w, err := f.New(&out, store.KindContact)
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range st.Entries(t.Context(), store.Query{Kind: store.KindContact, Phonebook: phonebook}) {
		if err == nil {
			err = w.Write(&e)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// described is what a phonebook holds, whatever the IDs.
func described(t *testing.T, st *store.Store, phonebook string) string {
	t.Helper()
	var all []string
	for e, err := range st.Entries(t.Context(), store.Query{Kind: store.KindContact, Phonebook: phonebook}) {
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for _, v := range e.Values {
			b.WriteString(v.Field.String() + "=" + v.Text + "|")
		}
		all = append(all, b.String())
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}
