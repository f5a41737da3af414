package csv_test

import (
	"bytes"
	stdcsv "encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/dialtree/dialtree/syncer/source/csv"
)

// seeds are files with something of everything.
var seeds = []string{
	"a,b\n1,2\n", "\"a\"\"b\",c\r\n\"d\r\ne\"\r\n", "\xEF\xBB\xBFx;y\r\n", "a\rb\r", "\"", "\"\"\"", ",,,\n,\n", "a,\"b\"c\n", "sep=;\na;b\n",
	"\xFF\xFEa\x00,\x00", "M\xFCller,1\n", "\x00", "§a§,¨b¨\n", "a\tb|c;d,e\n", "\"\"\n\n\"\"x\n", "a\r", "a,\"b\r\"",
}

// FuzzAgrees compares with encoding/csv: what it accepts, this package accepts and reads the same.
func FuzzAgrees(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	header := strings.Repeat("h,", 63) + "h\n"
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) || strings.Contains(text, "\x00") {
			return // not text
		}
		std := stdcsv.NewReader(strings.NewReader(text))
		std.FieldsPerRecord = -1
		want, err := std.ReadAll()
		if err != nil {
			return // encoding/csv does not read it
		}
		if strings.Contains(text, "\r\r\n") {
			return // encoding/csv takes a CR from before a CRLF inside a cell
		}
		want = alike(want)
		if slices.ContainsFunc(want, func(row []string) bool { return len(row) > 64 }) {
			return // wider than the header
		}

		s, err := csv.New(&memory{data: []byte(header + text), slow: len(text) < 100}, csv.Options{LineSeparator: "lf"})
		if err != nil {
			t.Fatal(err)
		}
		var got [][]string
		for r, err := range s.Records(t.Context()) {
			if err != nil && len(want) == 0 {
				break // without rows it is an error here
			}
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			if r.Problem != nil {
				t.Fatalf("%q: %v", text, r.Problem)
			}
			var row []string
			for _, v := range r.Values {
				row = append(row, strings.Join(v, ""))
			}
			got = append(got, row)
		}
		if got = alike(got); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Fatalf("%q:\n got %q\nwant %q", text, got, want)
		}
	})
}

// alike drops what the two are meant to differ in: empty rows, empty cells at the end of a row, and CRLF inside a cell.
func alike(rows [][]string) [][]string {
	var out [][]string
	for _, row := range rows {
		for len(row) > 0 && row[len(row)-1] == "" {
			row = row[:len(row)-1]
		}
		if strings.TrimSpace(strings.Join(row, "")) == "" {
			continue
		}
		for i := range row {
			row[i] = strings.ReplaceAll(row[i], "\r\n", "\n")
		}
		out = append(out, row)
	}
	return out
}

// FuzzDelimiter writes a table with each delimiter, every cell enclosed: auto finds the delimiter, whatever the cells hold.
func FuzzDelimiter(f *testing.F) {
	for _, s := range seeds {
		f.Add(s, uint8(2))
	}
	f.Add("1,5|2,5|Berg, Ann|a;b", uint8(2))
	f.Fuzz(func(t *testing.T, text string, width uint8) {
		if !utf8.ValidString(text) || strings.ContainsAny(text, "\x00") {
			return // not text
		}
		columns := int(width)%5 + 2
		cells := strings.Split(text, "|")
		for len(cells)%columns != 0 {
			cells = append(cells, "")
		}
		for _, delimiter := range []string{",", ";", "\t", "|"} {
			var file strings.Builder
			for i, c := range cells {
				file.WriteString(`"` + strings.ReplaceAll(c, `"`, `""`) + `"`)
				if file.WriteString(delimiter); (i+1)%columns == 0 {
					file.WriteString("x\n") // so that no row is empty
				}
			}
			s, err := csv.New(&memory{data: []byte(file.String())}, csv.Options{Delimiter: "auto", LineSeparator: "lf", NoHeader: true})
			if err != nil {
				t.Fatal(err)
			}
			for _, err := range s.Records(t.Context()) {
				if err != nil {
					t.Fatalf("%q: %v", file.String(), err)
				}
			}
			if want := fmt.Sprintf("the delimiter is %q", delimiter); !slices.Contains(s.Notes(), want) {
				t.Fatalf("%q: notes %q, want %s", file.String(), s.Notes(), want)
			}
		}
	})
}

// FuzzAnyFile reads anything under any options: no panic, rows that count up, values in their
// columns, and the same result however the file comes in pieces.
func FuzzAnyFile(f *testing.F) {
	for i, s := range seeds {
		f.Add([]byte(s), uint8(i), uint8(i), uint8(i), i%2 == 0)
	}
	f.Add([]byte("\xC9,,\xA3\n"), uint8(1), uint8(1), uint8(2), true)
	encodings := []string{"auto", "utf-8", "utf-16le", "utf-16be", "iso-8859-1", "iso-8859-15", "windows-1252", "cp850", "macintosh"}
	delimiters := []string{"auto", ",", ";", "\t", "§"}
	ends := []string{"auto", "lf", "crlf", "cr"}
	f.Fuzz(func(t *testing.T, data []byte, e, d, l uint8, noHeader bool) {
		o := csv.Options{
			Encoding:      encodings[int(e)%len(encodings)],
			Delimiter:     delimiters[int(d)%len(delimiters)],
			LineSeparator: ends[int(l)%len(ends)],
			NoHeader:      noHeader,
		}
		run := func(slow bool) string {
			s, err := csv.New(&memory{data: data, slow: slow}, o)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			last := 0
			for r, err := range s.Records(t.Context()) {
				if err != nil {
					fmt.Fprintln(&out, err)
					break
				}
				if r.Row <= last || len(r.Values) != r.Columns.Len() {
					t.Fatalf("row %d after %d, %d values, %d columns", r.Row, last, len(r.Values), r.Columns.Len())
				}
				last = r.Row
				fmt.Fprintf(&out, "%d %q %q %v\n", r.Row, r.Columns.Names(), r.Values, r.Problem)
				for _, v := range r.Values {
					if len(v) > 1 || len(v) == 1 && (v[0] == "" || !utf8.ValidString(v[0])) {
						t.Fatalf("value %q", v)
					}
				}
			}
			fmt.Fprintf(&out, "%q", s.Notes())
			return out.String()
		}
		if a, b := run(false), run(len(data) < 200); a != b {
			t.Fatalf("%+v %q: in one piece\n%s\nin many\n%s", o, data, a, b)
		}
	})
}
