package xlsx_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"github.com/dialtree/dialtree/syncer/source/xlsx"
)

// FuzzRoundTrip writes texts into cells: they read back as they are, in their rows.
func FuzzRoundTrip(f *testing.F) {
	for _, s := range []string{"a", "+49 30|030|4,9E+11", "1E+5", " a |b|", "=1+1|<&>\"'", "Müller|\u00a0", "#N/A|1", "||||x", "-0|007"} {
		f.Add(s, uint8(2))
	}
	f.Fuzz(func(t *testing.T, text string, width uint8) {
		if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) || len(text) > 10000 || strings.Contains(text, "_x") {
			return // not what one types into a cell; _x0041_ is how the format writes an A, and the writer here does not escape it
		}
		columns := int(width)%4 + 1
		header, cells := make([]any, columns), strings.Split(text, "|")
		for i := range header {
			header[i] = "column " + string(rune('a'+i))
		}
		rows, want := [][]any{header}, []string{}
		for row := range slices.Chunk(cells, columns) {
			values := make([]any, columns)
			out := make([]string, columns)
			for i, c := range row {
				values[i], out[i] = c, c
			}
			rows = append(rows, values)
			if line := strings.Join(out, "|"); strings.TrimSpace(strings.Trim(line, "| ")) != "" && strings.TrimSpace(strings.ReplaceAll(line, "|", "")) != "" {
				want = append(want, line)
			}
		}
		got, _, err := read(t, book(t, func(f *excelize.File) { table(t, f, "Sheet1", rows...) }), xlsx.Options{})
		if err != nil {
			if len(want) > 0 {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		for i := range got {
			got[i], _, _ = strings.Cut(got[i], " {") // what errors in cells are reported as
		}
		for i := range want {
			want[i], _, _ = strings.Cut(want[i], " {")
		}
		if !slices.Equal(got[1:], want) {
			t.Fatalf("%q:\n got %q\nwant %q", text, got[1:], want)
		}
	})
}

// FuzzDamage changes a byte of a file: it reads as before, or it fails. Nothing gets lost silently.
func FuzzDamage(f *testing.F) {
	good := book(f, func(b *excelize.File) {
		table(f, b, "Sheet1", []any{"username", "phone"}, []any{"alice", "+49301"}, []any{"bob", "030 2"}, []any{"carol", 30000})
	})
	want, _, err := read(f, good, xlsx.Options{})
	if err != nil {
		f.Fatal(err)
	}
	// The central directory, whose names are under no checksum, comes last.
	for at := len(good) - 700; at < len(good); at += 7 {
		f.Add(uint16(at), byte(1))
	}
	f.Add(uint16(60), byte(0x55))
	f.Fuzz(func(t *testing.T, at uint16, change byte) {
		data := append([]byte{}, good...)
		data[int(at)%len(data)] ^= change
		got, _, err := read(t, data, xlsx.Options{})
		if err == nil && !slices.Equal(got, want) {
			t.Fatalf("byte %d ^ %#x: rows %q, want %q", int(at)%len(data), change, got, want)
		}
	})
}

// FuzzSheet reads any XML as a sheet: no panic, and rows that count up.
func FuzzSheet(f *testing.F) {
	good := book(f, func(b *excelize.File) { table(f, b, "Sheet1", []any{"a", "b"}, []any{"1", "2"}, []any{3, true}) })
	for _, s := range []string{
		`<worksheet><sheetData><row r="1"><c t="str"><v>a</v></c></row><row r="9"><c r="B9" t="s"><v>99</v></c></row></sheetData></worksheet>`,
		`<worksheet><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c></row><row><c r="XFD2"><v>1e9</v></c></row></sheetData></worksheet>`,
		`<worksheet><sheetData><row r="5"/><row r="2"><c r="A0"><f>A1</f></c></row></sheetData></worksheet>`, `<worksheet>`, ``,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sheet string) {
		data := repacked(t, good, func(name string, text []byte) []byte {
			if name == "xl/worksheets/sheet1.xml" {
				return append([]byte{}, sheet...)
			}
			return text
		})
		s := xlsx.New(memory(data), xlsx.Options{TempDir: t.TempDir()})
		last, ended := 1, false
		for r, err := range s.Records(t.Context()) {
			if ended {
				t.Fatal("something follows an error")
			}
			if ended = err != nil; ended {
				continue
			}
			if r.Row <= last || len(r.Values) != r.Columns.Len() {
				t.Fatalf("row %d after %d, %d values, %d columns", r.Row, last, len(r.Values), r.Columns.Len())
			}
			last = r.Row
		}
	})
}
