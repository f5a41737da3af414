package xlsx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"

	"github.com/dialtree/dialtree/syncer/source"
	"github.com/dialtree/dialtree/syncer/source/file"
)

// Options say which table of a file is read.
type Options struct {
	Sheet     string // empty: the first one that is not hidden
	HeaderRow int    // that names the columns, from 1; what is above it does not count; 0: 1
	TempDir   string // for sheets that are too long for memory; empty: the system's
}

// A Source is a sheet of an xlsx file.
type Source struct {
	file  file.Opener
	o     Options
	notes []string
}

var _ source.Source = (*Source)(nil)

// New touches nothing.
func New(f file.Opener, o Options) *Source {
	if o.HeaderRow == 0 {
		o.HeaderRow = 1
	}
	return &Source{file: f, o: o}
}

// Notes implements source.Source.
func (s *Source) Notes() []string { return s.notes }

func (s *Source) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

// Records implements source.Source.
func (s *Source) Records(ctx context.Context) iter.Seq2[source.Record, error] {
	return file.Records(ctx, s.file, &s.notes, s.read)
}

// read yields the records, and false when the caller wants no more.
func (s *Source) read(ctx context.Context, content file.Content, yield func(source.Record, error) bool) (more bool, err error) {
	c, err := check(ctx, content, content.Size())
	if err != nil {
		return true, err
	}
	if c.formulas > 0 {
		s.note("formulas without a result count as empty, and the file has %d: open it in Excel and save it", c.formulas)
	}
	var t *table
	if err := guarded(func() (err error) { t, err = s.open(content); return err }); err != nil {
		return true, err
	}
	defer t.close()
	return s.rows(ctx, t, yield)
}

// guarded calls what the library does: a file that it stumbles over must not end the process.
func guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the file holds something unforeseen: %v: copy the list into a new one", p)
		}
	}()
	return f()
}

// open finds the sheet.
func (s *Source) open(content io.ReadSeeker) (*table, error) {
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	book, err := excelize.OpenReader(content, excelize.Options{
		UnzipSizeLimit:    maxMemory + maxSheets,
		UnzipXMLSizeLimit: 16 << 20,
		TmpDir:            s.o.TempDir,
		ShortDatePattern:  "yyyy-mm-dd", // rather than as in the United States
	})
	if err != nil {
		return nil, fmt.Errorf("the file is not an xlsx file: %w", err)
	}
	t := &table{book: book}
	if err := s.find(t); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

func (s *Source) find(t *table) error {
	names := t.book.GetSheetList()
	t.sheet = s.o.Sheet
	if t.sheet == "" {
		i := slices.IndexFunc(names, func(name string) bool {
			visible, err := t.book.GetSheetVisible(name)
			return err == nil && visible
		})
		if i < 0 {
			return errors.New("the file has no sheet")
		}
		if t.sheet = names[i]; len(names) > 1 {
			s.note("the sheet is %q, the first of %d", t.sheet, len(names))
		}
	} else if i := slices.IndexFunc(names, func(name string) bool { return strings.EqualFold(name, t.sheet) }); i >= 0 {
		t.sheet = names[i]
	} else {
		return fmt.Errorf("there is no sheet %q: there is %s", t.sheet, quoted(names))
	}
	var err error
	if t.shown, err = t.book.Rows(t.sheet); err != nil {
		return fmt.Errorf("sheet %q cannot be read: %w", t.sheet, err)
	}
	return nil
}

// quoted lists names for a message.
func quoted(names []string) string {
	var out []string
	for _, name := range names[:min(len(names), 20)] {
		out = append(out, fmt.Sprintf("%q", name))
	}
	return strings.Join(out, ", ")
}

// rows yields the records, and false when the caller wants no more.
func (s *Source) rows(ctx context.Context, t *table, yield func(source.Record, error) bool) (more bool, err error) {
	var r record
	for {
		found := false
		err := guarded(func() (err error) { found, err = t.next(); return err })
		switch {
		case err != nil:
			return true, fmt.Errorf("sheet %q, row %d: %w", t.sheet, t.row, err)
		case ctx.Err() != nil:
			return true, context.Cause(ctx)
		case !found:
			return true, s.end(t, &r)
		case t.row < s.o.HeaderRow:
			continue
		case t.row == s.o.HeaderRow:
			if err := s.begin(t, &r); err != nil {
				return true, err
			}
			continue
		case isBlank(t.cells):
			continue
		}
		r.count++
		if !yield(r.from(t), nil) {
			return false, nil
		}
	}
}

// begin makes the columns from the header.
func (s *Source) begin(t *table, r *record) error {
	header := t.cells
	for len(header) > 0 && strings.TrimSpace(header[len(header)-1]) == "" {
		header = header[:len(header)-1]
	}
	if len(header) == 0 {
		return fmt.Errorf("sheet %q: row %d, which should name the columns, is empty: set header_row to the row that does", t.sheet, t.row)
	}
	var notes []string
	r.columns, notes = source.NewColumns(header)
	s.notes = append(s.notes, notes...)
	r.cells, r.values = make([]string, len(header)), make([][]string, len(header))
	return nil
}

// end says what is wrong with a sheet that is read to its end, if anything.
func (s *Source) end(t *table, r *record) error {
	switch {
	case r.columns == nil:
		return fmt.Errorf("sheet %q has no row %d, which should name the columns", t.sheet, s.o.HeaderRow)
	case r.count == 0:
		return fmt.Errorf("sheet %q has a header in row %d but no rows below it", t.sheet, s.o.HeaderRow)
	case r.beside > 0:
		s.note("cells beside the table, without a column name above them, do not count: the first is in row %d", r.beside)
	}
	return nil
}

func isBlank(cells []string) bool {
	return !slices.ContainsFunc(cells, func(c string) bool { return strings.TrimSpace(c) != "" })
}
