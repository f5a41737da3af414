// Package sourcetest helps to test sources.
package sourcetest

import (
	"context"
	"slices"
	"strings"

	"github.com/dialtree/dialtree/syncer/source"
)

// Rows returns the records of a source as text behind a row of its columns, values joined by "+", columns by "|", and problems in braces,
// with the source's notes and the first error.
func Rows(ctx context.Context, s source.Source) (rows, notes []string, err error) {
	for r, readErr := range s.Records(ctx) {
		if readErr != nil {
			err = readErr
			break
		}
		if rows == nil {
			rows = append(rows, strings.Join(r.Columns.Names(), "|"))
		}
		var cells []string
		for _, v := range r.Values {
			cells = append(cells, strings.Join(v, "+"))
		}
		row := strings.Join(cells, "|")
		if r.Problem != nil {
			row += " {" + r.Problem.Column + ": " + r.Problem.Reason + "}"
		}
		rows = append(rows, row)
	}
	return rows, slices.Clone(s.Notes()), err
}
