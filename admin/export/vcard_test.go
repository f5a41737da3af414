package export_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/dialtree/dialtree/admin/export"
	"github.com/dialtree/dialtree/store"
)

func vcard(t testing.TB, e *store.Entry) string {
	t.Helper()
	var out bytes.Buffer
	f, _ := export.FormatByName("vcard")
	w, err := f.New(&out, e.Kind)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(e); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestVCard(t *testing.T) {
	e := &store.Entry{Kind: store.KindUser, ID: "u1", Auth: store.Auth{Method: store.AuthInternal, Hash: store.Literal("marker")}, Values: store.Values{
		{Field: store.Username, Text: "alice"}, {Field: store.DisplayName, Text: "Müller, Anna"}, {Field: store.GivenName, Text: "Anna"},
		{Field: store.Surname, Text: "Müller"}, {Field: store.Email, Text: "a@example.com"}, {Field: store.Phone, Text: "+49 30 1"},
		{Field: store.Mobile, Text: "0171"}, {Field: store.Fax, Text: "2"}, {Field: store.Notes, Text: "one;\r\ntwo\\"},
		{Field: store.Label, Text: "a,b"}, {Field: store.Groups, Text: "sales"},
	}}
	want := "BEGIN:VCARD\nVERSION:4.0\nUID:u1\nFN:Müller\\, Anna\nN:Müller;Anna;;;\nEMAIL:a@example.com\n" +
		"TEL;VALUE=text;TYPE=\"voice,work\":+49 30 1\nTEL;VALUE=text;TYPE=\"voice,cell\":0171\nTEL;VALUE=text;TYPE=fax:2\n" +
		"NOTE:one\\;\\ntwo\\\\\nCATEGORIES:a\\,b,sales\nX-DIALTREE-USERNAME:alice\nEND:VCARD\n"
	if got := vcard(t, e); got != strings.ReplaceAll(want, "\n", "\r\n") {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// FuzzVCard: lines are short and whole characters, and the text that was written is read back.
func FuzzVCard(f *testing.F) {
	f.Add("Müller, Anna;\\n\r\n " + strings.Repeat("😀", 60))
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) || text == "" || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f }) {
			return
		}
		card := vcard(t, &store.Entry{Kind: store.KindContact, ID: "c1", Values: store.Values{{Field: store.DisplayName, Text: text}}})
		for line := range strings.SplitSeq(card, "\r\n") {
			if len(line) > 75 || !utf8.ValidString(line) || strings.Contains(line, "\n") {
				t.Errorf("the line %q", line)
			}
		}
		_, rest, _ := strings.Cut(strings.ReplaceAll(card, "\r\n ", ""), "FN:")
		got, _, _ := strings.Cut(rest, "\r\n")
		got = strings.NewReplacer(`\\`, `\`, `\,`, ",", `\;`, ";", `\n`, "\n").Replace(got)
		if got != text {
			t.Errorf("%q was read as %q", text, got)
		}
	})
}
