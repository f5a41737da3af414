package export

import (
	"encoding/csv"
	"io"

	"github.com/dialtree/dialtree/csvcell"
	"github.com/dialtree/dialtree/store"
)

// csvWriter writes CSV (RFC 4180) in UTF-8 with a mark, by which Excel knows it. Lines end in LF:
// with CRLF, line breaks inside values would become CRLF as well.
type csvWriter struct {
	out    *csv.Writer
	fields []store.Field
	row    []string
}

func newCSV(w io.Writer, kind store.Kind) (Writer, error) {
	if _, err := io.WriteString(w, "\xEF\xBB\xBF"); err != nil {
		return nil, err
	}
	c := &csvWriter{out: csv.NewWriter(w), fields: columns(kind)}
	for _, f := range c.fields {
		c.row = append(c.row, f.Name)
	}
	return c, c.out.Write(c.row)
}

// Write implements Writer.
func (c *csvWriter) Write(e *store.Entry) error {
	for i := range c.fields {
		c.row[i] = csvcell.Escape(cell(&c.fields[i], e))
	}
	return c.out.Write(c.row)
}

// Close implements Writer.
func (c *csvWriter) Close() error {
	c.out.Flush()
	return c.out.Error()
}
