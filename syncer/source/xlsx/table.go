package xlsx

import (
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"

	"github.com/dialtree/dialtree/syncer/source"
)

// A table is an open sheet.
type table struct {
	book  *excelize.File
	sheet string

	shown *excelize.Rows // as the spreadsheet shows them
	row   int            // the number of the last one
	cells []string       // of it

	// The same rows as the spreadsheet stores them, and how many were passed: nil until a cell needs them, since reading them
	// takes as long again.
	stored *excelize.Rows
	passed int
}

// next reads a row, false at the end.
func (t *table) next() (bool, error) {
	if !t.shown.Next() {
		return false, t.shown.Error()
	}
	t.row++
	var err error
	if t.cells, err = t.shown.Columns(); err != nil {
		return false, err
	}
	if !slices.ContainsFunc(t.cells, isScientific) {
		return true, nil
	}
	stored, err := t.storedCells()
	if err != nil {
		return false, err
	}
	for i, cell := range t.cells {
		if i < len(stored) && isScientific(cell) && isDigits(stored[i]) {
			t.cells[i] = stored[i]
		}
	}
	return true, nil
}

// storedCells returns the cells of the last row as they are stored.
func (t *table) storedCells() (cells []string, err error) {
	if t.stored == nil {
		if t.stored, err = t.book.Rows(t.sheet); err != nil {
			return nil, err
		}
	}
	for ; t.passed < t.row; t.passed++ {
		if !t.stored.Next() {
			return nil, t.stored.Error()
		}
	}
	return t.stored.Columns(excelize.Options{RawCellValue: true})
}

func (t *table) close() {
	for _, rows := range []*excelize.Rows{t.shown, t.stored} {
		if rows != nil {
			rows.Close() // read only, as is the book
		}
	}
	t.book.Close()
}

// isScientific tells a number such as 4.92E+11.
func isScientific(cell string) bool {
	mantissa, exponent, found := strings.Cut(cell, "E+")
	return found && isDigits(exponent) && strings.Trim(mantissa, "0123456789.-") == ""
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// record makes a source.Record of each row, in the same memory.
type record struct {
	columns *source.Columns
	count   int // records so far
	beside  int // the first row with something beside the table; 0: none
	cells   []string
	values  [][]string
}

func (r *record) from(t *table) source.Record {
	rec := source.Record{Row: t.row, Columns: r.columns, Values: r.values}
	for i := range r.values {
		r.values[i] = nil
		if i >= len(t.cells) || t.cells[i] == "" {
			continue
		}
		r.cells[i] = t.cells[i]
		r.values[i] = r.cells[i : i+1 : i+1]
		if isError(t.cells[i]) && rec.Problem == nil {
			rec.Problem = &source.Problem{Column: r.columns.Name(i), Reason: "the cell shows the error " + t.cells[i] + ": correct its formula"}
		}
	}
	if r.beside == 0 && len(t.cells) > len(r.values) && !isBlank(t.cells[len(r.values):]) {
		r.beside = t.row
	}
	return rec
}

func isError(cell string) bool {
	switch cell {
	case "#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!":
		return true
	}
	return false
}
