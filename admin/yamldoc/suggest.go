package yamldoc

import (
	"slices"
	"strings"
)

// Suggest returns "; did you mean NAME?" for the known name nearest to a mistyped
// one, or the list of all names when none is near and they are few.
func Suggest(word string, known []string) string {
	best, distance := "", 3
	for _, k := range known {
		if d := editDistance(strings.ToLower(word), strings.ToLower(k)); d < distance && d < len(k) {
			best, distance = k, d
		}
	}
	switch {
	case best != "":
		return "; did you mean " + best + "?"
	case len(known) > 0 && len(known) <= 20:
		known = slices.Sorted(slices.Values(known))
		return "; the keys here are " + strings.Join(known, ", ")
	}
	return ""
}

// editDistance is the number of insertions, deletions and replacements between a and b.
func editDistance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
