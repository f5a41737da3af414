package terminal

import (
	"fmt"
	"io"
	"strings"
)

// between are the blanks between two columns.
const between = 2

// A Table is columns side by side. Rows have at most as many cells as the header.
type Table struct {
	Header []string
	Rows   [][]string
	State  int // the column whose words are coloured; -1: none
}

// WriteTable writes a table. The widest columns are cut until a row is one line of the terminal.
func (t Terminal) WriteTable(w io.Writer, table Table) error {
	lines := make([][]string, 0, len(table.Rows)+1)
	widths := make([]int, len(table.Header))
	for _, row := range append([][]string{table.Header}, table.Rows...) {
		line := make([]string, len(row))
		for i, cell := range row {
			line[i] = Printable(cell)
			widths[i] = max(widths[i], Width(line[i]))
		}
		lines = append(lines, line)
	}
	narrow := t.Width > 0 && !fit(widths, t.Width-between*(len(widths)-1))
	for i, line := range lines {
		state := table.State
		if i == 0 || narrow {
			state = -1
		}
		text := t.line(line, widths, state)
		if narrow {
			text = Cut(text, t.Width)
		}
		if _, err := fmt.Fprintln(w, text); err != nil {
			return err
		}
	}
	return nil
}

// line writes the cells of a row; state is the column to be coloured.
func (t Terminal) line(cells []string, widths []int, state int) string {
	var b strings.Builder
	blanks := 0
	for i, cell := range cells {
		cell = Cut(cell, widths[i])
		if cell != "" {
			b.WriteString(strings.Repeat(" ", blanks))
			blanks = 0
		}
		colour := Plain
		if i == state {
			colour = StateColour(cell)
		}
		b.WriteString(t.Paint(colour, cell))
		blanks += widths[i] - Width(cell) + between
	}
	return b.String()
}

// fit takes room from the widest columns until all fit; false when they cannot.
func fit(widths []int, room int) bool {
	for {
		sum, widest := 0, 0
		for i, w := range widths {
			sum += w
			if w > widths[widest] {
				widest = i
			}
		}
		if sum <= room {
			return true
		}
		if widths[widest] <= 1 {
			return false
		}
		widths[widest]--
	}
}
