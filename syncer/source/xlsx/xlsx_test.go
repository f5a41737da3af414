package xlsx_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/dialtree/dialtree/syncer/source/file"
	"github.com/dialtree/dialtree/syncer/source/sourcetest"
	"github.com/dialtree/dialtree/syncer/source/xlsx"
)

// memory is a file of these bytes.
type memory []byte

func (m memory) Name() string { return "test.xlsx" }

func (m memory) Open(context.Context) (file.Content, error) {
	return content{bytes.NewReader(m)}, nil
}

type content struct{ *bytes.Reader }

func (content) Close() error    { return nil }
func (content) Notes() []string { return nil }

// read returns the rows as text, values joined by "|" and problems in braces, and the first error.
func read(t testing.TB, data []byte, o xlsx.Options) (rows, notes []string, err error) {
	t.Helper()
	o.TempDir = t.TempDir()
	return sourcetest.Rows(t.Context(), xlsx.New(memory(data), o))
}

// book makes a file.
func book(t testing.TB, fill func(f *excelize.File)) []byte {
	t.Helper()
	f := excelize.NewFile()
	fill(f)
	var b bytes.Buffer
	if err := errors.Join(f.Write(&b), f.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// set puts values and number formats into cells.
func set(t testing.TB, f *excelize.File, sheet, cell string, value any, format string) {
	t.Helper()
	err := f.SetCellValue(sheet, cell, value)
	if format != "" && err == nil {
		var style int
		if style, err = f.NewStyle(&excelize.Style{CustomNumFmt: &format}); err == nil {
			err = f.SetCellStyle(sheet, cell, cell, style)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

func table(t testing.TB, f *excelize.File, sheet string, rows ...[]any) {
	t.Helper()
	for i, row := range rows {
		cell, err := excelize.CoordinatesToCellName(1, i+1)
		if err == nil {
			err = f.SetSheetRow(sheet, cell, &row)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestRecords(t *testing.T) {
	const one = "Sheet1"
	tests := []struct {
		name    string
		options xlsx.Options
		fill    func(f *excelize.File)
		want    []string
		notes   []string
	}{
		{
			name: "plain",
			fill: func(f *excelize.File) {
				table(t, f, one, []any{"username", "phone"}, []any{"alice", "+49301"}, []any{"bob", "030 2"})
			},
			want: []string{"username|phone", "alice|+49301", "bob|030 2"},
		},
		{
			name: "numbers are what the sheet shows, and whole where it shows them in scientific notation",
			fill: func(f *excelize.File) {
				table(t, f, one, []any{"plain", "narrow", "zeros", "text", "date", "truth", "money"})
				for cell, v := range map[string]any{"A2": 491701234567, "B2": 491701234567, "C2": 30123, "D2": "030123", "E2": 45000, "F2": true, "G2": 1234.5} {
					format := map[string]string{"B2": "0.00E+00", "C2": "000000", "E2": "yyyy-mm-dd", "G2": "#,##0.00"}[cell]
					set(t, f, one, cell, v, format)
				}
			},
			want: []string{"plain|narrow|zeros|text|date|truth|money", "491701234567|491701234567|030123|030123|2023-03-15|TRUE|1,234.50"},
		},
		{
			name:    "a header further down",
			options: xlsx.Options{HeaderRow: 3},
			fill: func(f *excelize.File) {
				table(t, f, one, []any{"Staff of the company"}, nil, []any{"username"}, []any{"alice"})
			},
			want: []string{"username", "alice"},
		},
		{
			name: "gaps, blanks and columns of one name",
			fill: func(f *excelize.File) {
				table(t, f, one, []any{"a", "a", "", "b", " "}, []any{"1", "2", "3", "4"}, nil, []any{" ", ""}, []any{"", "", "", "8"})
			},
			want:  []string{"a|a 2|3|b", "1|2|3|4", "|||8"},
			notes: []string{`column 2 is called "a 2" because there is another column "a"`},
		},
		{
			name:  "what stands beside the table",
			fill:  func(f *excelize.File) { table(t, f, one, []any{"a"}, []any{"1"}, []any{"2", "a remark"}) },
			want:  []string{"a", "1", "2"},
			notes: []string{"cells beside the table, without a column name above them, do not count: the first is in row 3"},
		},
		{
			name: "an error of a formula spoils its row only",
			fill: func(f *excelize.File) { table(t, f, one, []any{"a", "b"}, []any{"#N/A", "1"}, []any{"2", "2"}) },
			want: []string{"a|b", "#N/A|1 {a: the cell shows the error #N/A: correct its formula}", "2|2"},
		},
		{
			name: "a formula that nobody computed",
			fill: func(f *excelize.File) {
				table(t, f, one, []any{"a", "b"}, []any{"1"}, []any{"2"})
				if err := f.SetCellFormula(one, "B2", "A2+1"); err != nil {
					t.Fatal(err)
				}
			},
			want:  []string{"a|b", "1|", "2|"},
			notes: []string{"formulas without a result count as empty, and the file has 1: open it in Excel and save it"},
		},
		{
			name:    "a sheet by name",
			options: xlsx.Options{Sheet: "PEOPLE"},
			fill: func(f *excelize.File) {
				f.NewSheet("People")
				table(t, f, "People", []any{"a"}, []any{"1"})
			},
			want: []string{"a", "1"},
		},
		{
			name: "the first sheet that is not hidden",
			fill: func(f *excelize.File) {
				i, _ := f.NewSheet("People")
				f.SetActiveSheet(i)
				if err := f.SetSheetVisible(one, false); err != nil {
					t.Fatal(err)
				}
				table(t, f, "People", []any{"a"}, []any{"1"})
			},
			want:  []string{"a", "1"},
			notes: []string{`the sheet is "People", the first of 2`},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rows, notes, err := read(t, book(t, tt.fill), tt.options)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(rows, tt.want) {
				t.Errorf("rows %q\nwant %q", rows, tt.want)
			}
			if !slices.Equal(notes, tt.notes) {
				t.Errorf("notes %q\n want %q", notes, tt.notes)
			}
		})
	}
}

// repacked returns the archive with parts changed: a part whose text is "" is left out, as is what change returns nil for.
func repacked(t testing.TB, data []byte, change func(name string, text []byte) []byte) []byte {
	t.Helper()
	in, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	out := zip.NewWriter(&b)
	for _, part := range in.File {
		r, err := part.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if text = change(part.Name, text); text == nil {
			continue
		}
		w, err := out.Create(part.Name)
		if err == nil {
			_, err = w.Write(text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBadFiles(t *testing.T) {
	good := book(t, func(f *excelize.File) {
		table(t, f, "Sheet1", []any{"username", "phone"}, []any{"alice", "1"}, []any{"bob", "2"}, []any{"carol", "3"})
	})
	sheet := func(change func(text string) string) []byte {
		return repacked(t, good, func(name string, text []byte) []byte {
			if name == "xl/worksheets/sheet1.xml" {
				return []byte(change(string(text)))
			}
			return text
		})
	}
	damaged := bytes.Clone(good)
	// A byte in the middle of the first part, whose checksum then differs.
	damaged[60] ^= 0x55
	var bomb bytes.Buffer
	w := zip.NewWriter(&bomb)
	part, err := w.Create("xl/styles.xml")
	if err != nil {
		t.Fatal(err)
	}
	for range 65 {
		part.Write(make([]byte, 1<<20))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var crowd bytes.Buffer
	w = zip.NewWriter(&crowd)
	for range 2001 {
		if _, err := w.Create("x"); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		options xlsx.Options
		data    []byte
		want    string
	}{
		{"empty", xlsx.Options{}, nil, "the file is empty"},
		{"CSV", xlsx.Options{}, []byte("a,b\n1,2\n"), "the file is not an xlsx file: if it is CSV, read it as csv"},
		{"an old file or one with a password", xlsx.Options{}, []byte("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1" + strings.Repeat("\x00", 1000)),
			"the file is protected with a password or is an old .xls file: save it as .xlsx without a password"},
		{"cut off", xlsx.Options{}, good[:len(good)-30], "the file is damaged or cut off: zip: not a valid zip file"},
		{"damaged", xlsx.Options{}, damaged, "the file is damaged in "},
		{"another archive", xlsx.Options{}, repacked(t, good, func(name string, text []byte) []byte {
			if strings.HasPrefix(name, "xl/") {
				return nil
			}
			return text
		}), "the file is not an xlsx file: "},
		{"a bomb", xlsx.Options{}, bomb.Bytes(), "the file unpacks to more than 64 MiB: copy the list into a new one"},
		{"many parts", xlsx.Options{}, crowd.Bytes(), "the file has more than 2000 parts: it is not a list"},
		{"a sheet that ends early", xlsx.Options{}, sheet(func(s string) string { return s[:strings.Index(s, `<row r="4"`)] }),
			"the file is damaged in xl/worksheets/sheet1.xml: behind row 3: unexpected EOF: open it in Excel and save it again"},
		{"a control character in a sheet", xlsx.Options{}, sheet(func(s string) string { return strings.Replace(s, `<row r="3"`, "\x0b<row r=\"3\"", 1) }),
			"the file is damaged in xl/worksheets/sheet1.xml: behind row 2: XML syntax error on line 2: illegal character code U+000B: open it in Excel and save it again"},
		{"a cell far to the right", xlsx.Options{}, book(t, func(f *excelize.File) { set(t, f, "Sheet1", "ALM7", "x", "") }),
			"there are cells beyond the 1,000th column, near row 7: delete them"},
		{"no such sheet", xlsx.Options{Sheet: "People"}, good, `there is no sheet "People": there is "Sheet1"`},
		{"an empty header", xlsx.Options{HeaderRow: 1}, book(t, func(f *excelize.File) { table(t, f, "Sheet1", nil, []any{"a"}) }),
			`sheet "Sheet1": row 1, which should name the columns, is empty: set header_row to the row that does`},
		{"no header", xlsx.Options{HeaderRow: 9}, good, `sheet "Sheet1" has no row 9, which should name the columns`},
		{"nothing below the header", xlsx.Options{HeaderRow: 4}, good, `sheet "Sheet1" has a header in row 4 but no rows below it`},
		{"an empty sheet", xlsx.Options{}, book(t, func(*excelize.File) {}), `sheet "Sheet1" has no row 1, which should name the columns`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rows, _, err := read(t, tt.data, tt.options)
			if err == nil || !strings.HasPrefix(err.Error(), "test.xlsx: "+tt.want) {
				t.Errorf("rows %q, error %v\n want test.xlsx: %s", rows, err, tt.want)
			}
		})
	}
}

func TestCancelled(t *testing.T) {
	data := book(t, func(f *excelize.File) {
		var rows [][]any
		for range 1000 {
			rows = append(rows, []any{"a"})
		}
		table(t, f, "Sheet1", rows...)
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := xlsx.New(memory(data), xlsx.Options{})
	var last error
	for _, err := range s.Records(ctx) {
		cancel()
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("ended with %v", last)
	}
	for range s.Records(t.Context()) {
		break // and a further reading begins anew
	}
}

func TestForm(t *testing.T) {
	var b bytes.Buffer
	err := xlsx.WriteForm(&b, "users", []xlsx.FormColumn{{"username", true, "The login name."}, {"phone", false, "Numbers."}})
	if err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	help, err := f.GetRows("Help")
	if want := [][]string{{"column", "needed", "what it holds"}, {"username", "yes", "The login name."}, {"phone", "no", "Numbers."}}; err != nil || !slices.EqualFunc(help, want, slices.Equal) {
		t.Errorf("help %q, %v", help, err)
	}
	style, err := f.GetColStyle("users", "B")
	if err != nil {
		t.Fatal(err)
	}
	if s, err := f.GetStyle(style); err != nil || s.NumFmt != 49 {
		t.Errorf("the format of the column is %+v, %v", s, err)
	}
	// Filled in, it reads back.
	table(t, f, "users", []any{"username", "phone"}, []any{"alice", "+49301"})
	b.Reset()
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	rows, _, err := read(t, b.Bytes(), xlsx.Options{})
	if want := []string{"username|phone", "alice|+49301"}; err != nil || !slices.Equal(rows, want) {
		t.Errorf("rows %q, %v, want %q", rows, err, want)
	}
}
