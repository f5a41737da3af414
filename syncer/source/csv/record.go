package csv

import (
	"fmt"
	"strings"

	"github.com/dialtree/dialtree/csvcell"
	"github.com/dialtree/dialtree/syncer/source"
)

// record makes a source.Record of each row, in the same memory.
type record struct {
	columns *source.Columns
	count   int // records so far
	cells   []string
	values  [][]string
}

func (r *record) from(p *parser) source.Record {
	width := r.columns.Len()
	if r.values == nil {
		r.cells, r.values = make([]string, width), make([][]string, width)
	}
	text := string(p.text) // once per row; the cells are parts of it
	start, beyond := 0, -1
	for i, end := range p.cells {
		cell := text[start:end]
		start = end
		switch {
		case i >= width:
			if beyond < 0 && strings.TrimSpace(cell) != "" {
				beyond = i
			}
		case cell == "":
			r.values[i] = nil
		default:
			r.cells[i] = csvcell.Unescape(cell)
			r.values[i] = r.cells[i : i+1 : i+1]
		}
	}
	for i := len(p.cells); i < width; i++ {
		r.values[i] = nil
	}
	rec := source.Record{Row: p.row, Columns: r.columns, Values: r.values}
	switch {
	case p.after > 0:
		rec.Problem = &source.Problem{Reason: "there is text behind the closing enclosure: an enclosure inside a value must be doubled"}
		if p.after <= width {
			rec.Problem.Column = r.columns.Name(p.after - 1)
		}
	case beyond >= 0:
		rec.Problem = &source.Problem{
			Column: fmt.Sprint(beyond + 1),
			Reason: fmt.Sprintf("the row has %d cells, but there are %d columns: a value with the delimiter in it must be enclosed", len(p.cells), width),
		}
	}
	return rec
}
