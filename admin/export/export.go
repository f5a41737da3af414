package export

import (
	"io"
	"strings"

	"github.com/dialtree/dialtree/store"
)

// A Writer writes entries of one kind. Close ends the file, and must be called.
type Writer interface {
	Write(*store.Entry) error
	Close() error
}

// A Format is a kind of file.
type Format struct {
	Name      string // csv, xlsx or vcard
	Extension string // with the dot
	Type      string // MIME
	open      func(io.Writer, store.Kind) (Writer, error)
}

// Formats returns the formats.
func Formats() []Format {
	return []Format{
		{"csv", ".csv", "text/csv; charset=utf-8", newCSV},
		{"xlsx", ".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", newXLSX},
		{"vcard", ".vcf", "text/vcard; charset=utf-8", newVCard},
	}
}

// FormatByName finds a format.
func FormatByName(name string) (Format, bool) {
	for _, f := range Formats() {
		if f.Name == name {
			return f, true
		}
	}
	return Format{}, false
}

// New returns a Writer of entries of a kind.
func (f Format) New(w io.Writer, kind store.Kind) (Writer, error) { return f.open(w, kind) }

// columns are the fields that tables have.
func columns(kind store.Kind) []store.Field {
	var fields []store.Field
	for _, f := range store.Fields() {
		if f.UsedBy(kind) != store.Unused && f.Matching != store.MatchNone && f.Matching != store.MatchBytes {
			fields = append(fields, f)
		}
	}
	return fields
}

// cell is what a table holds for a field.
func cell(f *store.Field, e *store.Entry) string {
	if !f.Many {
		return e.Values.First(f.ID)
	}
	return strings.Join(e.Values.All(f.ID), ";")
}
