package syncer

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dialtree/dialtree/syncer/source"
)

// unknownColumn says what to write instead of a name that is not a column.
func unknownColumn(name string, c *source.Columns) string {
	all := c.Names()
	if near := nearest(name, all); near != "" {
		return fmt.Sprintf("there is no column %q: is it %q?", name, near)
	}
	const most = 20
	list := all[:min(len(all), most)]
	quoted := make([]string, len(list))
	for i, name := range list {
		quoted[i] = strconv.Quote(name)
	}
	more := ""
	if len(all) > most {
		more = fmt.Sprintf(" and %d more", len(all)-most)
	}
	return fmt.Sprintf("there is no column %q: there are %s%s", name, strings.Join(quoted, ", "), more)
}

// nearest returns the name that differs least from a mistyped one; "" where none is near.
func nearest(name string, among []string) string {
	best, least := "", (utf8.RuneCountInString(name)+2)/3+1
	for _, candidate := range among {
		if d := distance(strings.ToLower(name), strings.ToLower(candidate)); d < least {
			best, least = candidate, d
		}
	}
	return best
}

// distance is Levenshtein's.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		diagonal := row[0]
		row[0] = i + 1
		for j := range y {
			cost := diagonal
			if x[i] != y[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(y)]
}
