package csv_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"github.com/dialtree/dialtree/syncer/source/csv"
)

func TestRecords(t *testing.T) {
	tests := []struct {
		name    string
		options csv.Options
		data    string
		want    []string // the columns, then the records
		notes   []string
	}{
		{
			name: "plain",
			data: "username,phone\nalice,1\nbob,2\n",
			want: []string{"username|phone", "alice|1", "bob|2"},
		},
		{
			name: "no line break at the end",
			data: "username,phone\nalice,1",
			want: []string{"username|phone", "alice|1"},
		},
		{
			name: "a byte order mark is no part of the first name",
			data: "\xEF\xBB\xBFusername,phone\nalice,1\n",
			want: []string{"username|phone", "alice|1"},
		},
		{
			name: "delimiters, line breaks and doubled enclosures inside an enclosure",
			data: "username,notes\nalice,\"a, \"\"b\"\"\r\nc\"\n",
			want: []string{"username|notes", "alice|a, \"b\"\r\nc"},
		},
		{
			name: "an enclosure within a cell is data",
			data: "username,notes\nalice,5\" disk\n",
			want: []string{"username|notes", "alice|5\" disk"},
		},
		{
			name: "text behind a closing enclosure spoils its row only",
			data: "username,notes\nalice,\"a\" b\nbob,\"\"x\ncarol,c\n",
			want: []string{"username|notes",
				`alice|a b {notes: there is text behind the closing enclosure: an enclosure inside a value must be doubled}`,
				`bob|x {notes: there is text behind the closing enclosure: an enclosure inside a value must be doubled}`,
				"carol|c"},
		},
		{
			name: "short rows are filled up, long ones are told",
			data: "a,b,c\n1\n1,2,3,,\n1,2,3,4\n1,2,3, \n",
			want: []string{"a|b|c", "1||", "1|2|3",
				"1|2|3 {4: the row has 4 cells, but there are 3 columns: a value with the delimiter in it must be enclosed}",
				"1|2|3"},
		},
		{
			name: "empty rows are skipped",
			data: "\n , \na,b\n\n,\n1,2\n\n",
			want: []string{"a|b", "1|2"},
		},
		{
			name:  "columns of one name and of none are numbered",
			data:  "phone,phone,phone 2,,Phone,phone,\n1,2,3,4,5,6,7\n",
			want:  []string{"phone|phone 3|phone 2|4|Phone|phone 4|7", "1|2|3|4|5|6|7"},
			notes: []string{`column 2 is called "phone 3" because there is another column "phone"`, `column 6 is called "phone 4" because there is another column "phone"`},
		},
		{
			name:    "without a header",
			options: csv.Options{NoHeader: true},
			data:    "alice,1\nbob,2\n",
			want:    []string{"1|2", "alice|1", "bob|2"},
		},
		{
			name:    "a delimiter and an enclosure of several bytes",
			options: csv.Options{Delimiter: "§", Enclosure: "¨"},
			data:    "a§b\n¨1§¦¨¨¨§2¦\n",
			want:    []string{"a|b", "1§¦¨|2¦"},
		},
		{
			name:    "no enclosure",
			options: csv.Options{Enclosure: "none"},
			data:    "a,b\n\"1,2\"\n",
			want:    []string{"a|b", "\"1|2\""},
		},
		{
			name:    "auto finds a semicolon although numbers have commas",
			options: csv.Options{Delimiter: "auto", Encoding: "auto", LineSeparator: "auto"},
			data:    "name;price;size\r\na;1,5;2,5\r\nb;1,5;2,5\r\n",
			want:    []string{"name|price|size", "a|1,5|2,5", "b|1,5|2,5"},
			notes:   []string{"the encoding is utf-8", `the delimiter is ";"`},
		},
		{
			name:    "auto finds a tab, and a comma inside enclosures is none",
			options: csv.Options{Delimiter: "auto"},
			data:    "a\tb\n\"1,1\"\t\"2,2\"\n",
			want:    []string{"a|b", "1,1|2,2"},
			notes:   []string{`the delimiter is "\t"`},
		},
		{
			name:    "auto finds a bar",
			options: csv.Options{Delimiter: "auto"},
			data:    "a|b\n1|2\n",
			want:    []string{"a|b", "1|2"},
			notes:   []string{`the delimiter is "|"`},
		},
		{
			name:    "auto is not misled by what is enclosed",
			options: csv.Options{Delimiter: "auto"},
			data:    "\"name\";\"phone\"\n\"Berg, Ann\";\"1,2\"\n\"Dahl, Bo\";\"3,4\"\n",
			want:    []string{"name|phone", "Berg, Ann|1,2", "Dahl, Bo|3,4"},
			notes:   []string{`the delimiter is ";"`},
		},
		{
			name:    "auto is not misled by one malformed row",
			options: csv.Options{Delimiter: "auto"},
			data:    "name;phone\n\"Ann\" Berg;1\nBo;2\n",
			want:    []string{"name|phone", "Ann Berg|1 {name: there is text behind the closing enclosure: an enclosure inside a value must be doubled}", "Bo|2"},
			notes:   []string{`the delimiter is ";"`},
		},
		{
			name:    "one column has no delimiter",
			options: csv.Options{Delimiter: "auto"},
			data:    "a\n1\n2\n",
			want:    []string{"a", "1", "2"},
			notes:   []string{"no delimiter was found: each row is one cell"},
		},
		{
			name:  "a wrong delimiter is hinted at",
			data:  "a;b\n1;2\n",
			want:  []string{"a;b", "1;2"},
			notes: []string{`the header is one column, "a;b": is the delimiter ";"?`},
		},
		{
			name:    "Excel names the delimiter",
			options: csv.Options{Delimiter: "auto"},
			data:    "sep=;\r\na;b,b\r\n1;2\r\n",
			want:    []string{"a|b,b", "1|2"},
			notes:   []string{`the first line, "sep=;", is Excel's way to name the delimiter and not a row`},
		},
		{
			name: "auto takes CR, as old Macs write",
			data: "a,b\r1,2\r3,4\r",
			want: []string{"a|b", "1|2", "3|4"},
		},
		{
			name: "auto keeps a CR in a file that has LF",
			data: "a,b\n1,2\r3\n",
			want: []string{"a|b", "1|2\r3"},
		},
		{
			name:    "crlf keeps single LF and CR",
			options: csv.Options{LineSeparator: "crlf"},
			data:    "a,b\r\n1,2\n2\r2\r\n3,4\r\n",
			want:    []string{"a|b", "1|2\n2\r2", "3|4"},
		},
		{
			name:    "lf takes CRLF, too",
			options: csv.Options{LineSeparator: "lf"},
			data:    "a,b\r\n1,2\n3,4\r\n",
			want:    []string{"a|b", "1|2", "3|4"},
		},
		{
			name:    "cr takes CRLF, too",
			options: csv.Options{LineSeparator: "cr"},
			data:    "a,b\r\n1,2\n2\r3,4",
			want:    []string{"a|b", "1|2\n2", "3|4"},
		},
	}
	for _, tt := range tests {
		for _, slow := range []bool{false, true} {
			t.Run(tt.name, func(t *testing.T) {
				rows, notes, err := read(t, &memory{data: []byte(tt.data), slow: slow}, tt.options)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(rows, tt.want) {
					t.Errorf("records\n got %q\nwant %q", rows, tt.want)
				}
				if !slices.Equal(notes, tt.notes) {
					t.Errorf("notes\n got %q\nwant %q", notes, tt.notes)
				}
			})
		}
	}
}

func TestRowNumbersAreTheSpreadsheets(t *testing.T) {
	s, err := csv.New(&memory{data: []byte("a\n\n\"x\ny\"\nz\n")}, csv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var rows []int
	for r, err := range s.Records(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r.Row)
	}
	if want := []int{3, 4}; !slices.Equal(rows, want) {
		t.Errorf("rows %v, want %v", rows, want)
	}
}

func TestEncodings(t *testing.T) {
	utf16 := func(e unicode.Endianness, b unicode.BOMPolicy) encoding.Encoding { return unicode.UTF16(e, b) }
	tests := []struct {
		name    string
		declare string
		written encoding.Encoding
		note    string
	}{
		{"utf-8", "utf-8", encoding.Nop, ""},
		{"utf-8 found", "auto", encoding.Nop, "the encoding is utf-8"},
		{"utf-8 with a mark found", "auto", unicode.UTF8BOM, "the encoding is utf-8, as its byte order mark says"},
		{"utf-16le", "utf-16le", utf16(unicode.LittleEndian, unicode.IgnoreBOM), ""},
		{"utf-16le with its mark", "utf-16le", utf16(unicode.LittleEndian, unicode.UseBOM), ""},
		{"utf-16be", "utf-16be", utf16(unicode.BigEndian, unicode.IgnoreBOM), ""},
		{"utf-16le found", "auto", utf16(unicode.LittleEndian, unicode.UseBOM), "the encoding is utf-16le, as its byte order mark says"},
		{"utf-16be found", "auto", utf16(unicode.BigEndian, unicode.UseBOM), "the encoding is utf-16be, as its byte order mark says"},
		{"iso-8859-1", "iso-8859-1", charmap.ISO8859_1, ""},
		{"iso-8859-15", "iso-8859-15", charmap.ISO8859_15, ""},
		{"windows-1252", "windows-1252", charmap.Windows1252, ""},
		{"windows-1252 found", "auto", charmap.Windows1252, "the encoding is windows-1252, because it is not UTF-8"},
		{"cp850", "cp850", charmap.CodePage850, ""},
		{"macintosh", "macintosh", charmap.Macintosh, ""},
	}
	const text = "name,ort\nMüller,Köln\nÅse,\"São, ß\"\n"
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			data, err := tt.written.NewEncoder().String(text)
			if err != nil {
				t.Fatal(err)
			}
			rows, notes, err := read(t, &memory{data: []byte(data)}, csv.Options{Encoding: tt.declare})
			if err != nil {
				t.Fatal(err)
			}
			if want := []string{"name|ort", "Müller|Köln", "Åse|São, ß"}; !slices.Equal(rows, want) {
				t.Errorf("got %q, want %q", rows, want)
			}
			if tt.note != "" && !slices.Contains(notes, tt.note) {
				t.Errorf("notes %q, want %q among them", notes, tt.note)
			}
		})
	}
}

// A last letter beyond ASCII looks like half a UTF-8 sequence.
func TestAutoTellsACutFromAnUmlaut(t *testing.T) {
	rows, _, err := read(t, &memory{data: []byte("name\nRen\xE9")}, csv.Options{Encoding: "auto"})
	if err != nil || rows[1] != "René" {
		t.Errorf("windows-1252: %q, %v", rows, err)
	}
	_, _, err = read(t, &memory{data: []byte("name\nRené\nRen\xC3")}, csv.Options{Encoding: "auto"})
	if err == nil {
		t.Error("a file in UTF-8 that ends in the middle of a letter was accepted")
	}
}

func TestBadFiles(t *testing.T) {
	const mib = 1 << 20
	tests := []struct {
		name    string
		options csv.Options
		file    memory
		want    string
	}{
		{"empty", csv.Options{}, memory{}, "test.csv: the file is empty"},
		{"nothing but blanks", csv.Options{}, memory{data: []byte("\n , \n")}, "test.csv: the file holds no rows"},
		{"nothing but a mark", csv.Options{}, memory{data: []byte("\xEF\xBB\xBF")}, "test.csv: the file holds no rows"},
		{"nothing but a header", csv.Options{}, memory{data: []byte("username,phone\n")}, "test.csv: the file has a header but no rows below it"},
		{"wrong line separator", csv.Options{LineSeparator: "crlf"}, memory{data: []byte("username,phone\nalice,1\n")},
			"test.csv: the file has a header but no rows below it: there are line breaks in the header: set line_separator to auto"},
		{"cut off in a quoted field", csv.Options{}, memory{data: []byte("a,b\n1,2\n3,\"4\n5,6\n")},
			"test.csv: row 3, column 2: the quoted field that begins here never ends: the file is cut off or an enclosure is missing"},
		{"cut off behind an enclosure", csv.Options{}, memory{data: []byte("a,b\n1,\"")},
			"test.csv: row 2, column 2: the quoted field that begins here never ends: the file is cut off or an enclosure is missing"},
		{"not UTF-8", csv.Options{}, memory{data: []byte("a,b\n1,M\xFCller\n")},
			"test.csv: row 2, column 2: the text is not UTF-8: set encoding to windows-1252 or what the file was saved with, or to auto"},
		{"UTF-16 with a mark declared UTF-8", csv.Options{}, memory{data: []byte("\xFF\xFEa\x00")},
			"test.csv: the file begins with the byte order mark of utf-16le, but encoding is utf-8: set encoding to utf-16le or auto"},
		{"UTF-16 declared UTF-8", csv.Options{}, memory{data: []byte("a\x00,\x00b\x00\n\x00")},
			"test.csv: row 1, column 1: there is a NUL byte: the file is probably UTF-16: set encoding to utf-16le or utf-16be"},
		{"half a character", csv.Options{Encoding: "utf-16le"}, memory{data: []byte("a\x00\n\x00b\x00c")},
			"test.csv: the file ends with half a character: it is cut off, or it is not UTF-16: set encoding to auto"},
		{"long quoted field", csv.Options{}, memory{data: []byte("a,b\n1,\"" + strings.Repeat("x\n", mib))},
			"test.csv: row 2, column 2: the quoted field that begins here is longer than 1048576 bytes: an enclosure is missing"},
		{"long field", csv.Options{}, memory{data: []byte("a,b\n1," + strings.Repeat("x", mib+1) + "\n")},
			"test.csv: row 2, column 2: the field is longer than 1048576 bytes: the delimiter or the line_separator is wrong"},
		{"long row", csv.Options{}, memory{data: []byte("a\n" + strings.Repeat(strings.Repeat("x", mib)+",", 5) + "\n")},
			"test.csv: row 2, column 5: the row is longer than 4194304 bytes: an enclosure is missing or the line_separator is wrong"},
		{"many columns", csv.Options{}, memory{data: []byte(strings.Repeat(",", 1000) + "\n")},
			"test.csv: row 1, column 1001: there are more than 1000 columns: the delimiter or the line_separator is wrong"},
		{"fails while it is read", csv.Options{}, memory{data: []byte("a,b\n1,2\n"), fails: errors.New("the share is gone")},
			"test.csv: the share is gone"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := read(t, &tt.file, tt.options)
			if err == nil || err.Error() != tt.want {
				t.Errorf("\n got %v\nwant %s", err, tt.want)
			}
		})
	}
}

// What is told of how a file was fetched comes before what is told of its content.
func TestNotesOfTheFile(t *testing.T) {
	_, notes, err := read(t, &memory{data: []byte("a;b\n1;2\n"), notes: []string{"it was read again"}}, csv.Options{Delimiter: "auto"})
	if want := []string{"it was read again", `the delimiter is ";"`}; err != nil || !slices.Equal(notes, want) {
		t.Errorf("notes %q, %v, want %q", notes, err, want)
	}
}

func TestOptions(t *testing.T) {
	tests := []struct {
		options csv.Options
		want    string
	}{
		{csv.Options{Encoding: "ebcdic"}, `encoding: "ebcdic" is not known: write auto, utf-8, utf-16le, utf-16be, iso-8859-1, iso-8859-15, windows-1252, cp850 or macintosh`},
		{csv.Options{Delimiter: ";;"}, `delimiter: ";;" is not one character: write it, or auto`},
		{csv.Options{Delimiter: "\n"}, `delimiter: "\n" is not one character: write it, or auto`},
		{csv.Options{Enclosure: "''"}, `enclosure: "''" is not one character: write it, or none`},
		{csv.Options{Enclosure: ","}, `enclosure: is the delimiter, too: they must differ`},
		{csv.Options{LineSeparator: "nl"}, `line_separator: "nl" is not auto, lf, crlf or cr`},
	}
	for _, tt := range tests {
		_, err := csv.New(&memory{}, tt.options)
		if err == nil || err.Error() != tt.want {
			t.Errorf("%+v: %v\nwant %s", tt.options, err, tt.want)
		}
	}
}

func TestCancelled(t *testing.T) {
	s, err := csv.New(&memory{data: []byte("a\n" + strings.Repeat("1\n", 1<<20))}, csv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for _, err := range s.Records(ctx) {
		cancel()
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("ended with %v", last)
	}
	for range s.Records(t.Context()) {
		break // and the file is closed, and a further reading begins anew
	}
}
