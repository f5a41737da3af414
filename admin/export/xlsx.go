package export

import (
	"errors"
	"fmt"
	"io"
	"unicode/utf16"

	"github.com/xuri/excelize/v2"

	"github.com/dialtree/dialtree/store"
)

const (
	// maxXLSXRows and maxXLSXCell are what a sheet and a cell can hold.
	maxXLSXRows = 1_048_576
	maxXLSXCell = 32_767 // UTF-16 units
	sheet       = "Sheet1"
)

// xlsxWriter writes one sheet. Every cell is a text: nothing is computed, and no number loses its +
// or its zeros. Rows lie in a temporary file until Close.
type xlsxWriter struct {
	w      io.Writer
	file   *excelize.File
	out    *excelize.StreamWriter
	fields []store.Field
	rows   int
}

func newXLSX(w io.Writer, kind store.Kind) (Writer, error) {
	x := &xlsxWriter{w: w, file: excelize.NewFile(), fields: columns(kind)}
	var err error
	if x.out, err = x.file.NewStreamWriter(sheet); err != nil {
		return nil, errors.Join(err, x.file.Close())
	}
	header := make([]any, len(x.fields))
	for i, f := range x.fields {
		header[i] = f.Name
	}
	return x, x.row(header)
}

func (x *xlsxWriter) row(cells []any) error {
	if x.rows++; x.rows > maxXLSXRows {
		return errors.New("a sheet has room for 1,048,575 entries: export a phonebook at a time, or as csv")
	}
	return x.out.SetRow(fmt.Sprintf("A%d", x.rows), cells)
}

// Write implements Writer.
func (x *xlsxWriter) Write(e *store.Entry) error {
	cells := make([]any, len(x.fields))
	for i := range x.fields {
		text := cell(&x.fields[i], e)
		switch {
		case text == "":
			continue // no cell at all
		case len(text) > maxXLSXCell && len(utf16.Encode([]rune(text))) > maxXLSXCell:
			return fmt.Errorf("%s of %q is longer than a cell can be: export as csv", x.fields[i].Name, e.Values.First(store.DisplayName))
		}
		cells[i] = text
	}
	return x.row(cells)
}

// Close implements Writer. It writes the file, and removes the temporary one.
func (x *xlsxWriter) Close() error {
	err := x.out.Flush()
	if err == nil {
		_, err = x.file.WriteTo(x.w)
	}
	return errors.Join(err, x.file.Close())
}
