package rest

import (
	"encoding/json"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Bounds of a record. One that exceeds them is reported and skipped, apart from its nesting, which costs memory of the stack.
const (
	maxDepth   = 32      // of a whole page
	maxColumns = 1000    // of a list
	maxName    = 256     // of a column, in bytes
	maxValues  = 1000    // of a record
	maxRecord  = 1 << 20 // of a record's values together, in bytes
)

// A flattener makes rows of the objects of a list. What it returns is valid until the next call.
type flattener struct {
	names  []string // of the columns, in the order in which they were met
	index  map[string]int
	digest hash.Hash // of all values of the page

	row    row
	values int // of the row
	size   int
	absent bool // what is read is no object: nothing of it counts
}

// A row is a record before all columns are known.
type row struct {
	Columns []int // those that have values, each once
	Values  [][]string
	Column  string // of the problem
	Reason  string // the problem; empty: none
}

// record reads the value that begins with a token.
func (f *flattener) record(tokens *tokens, first json.Token, depth int) (*row, error) {
	f.row = row{Columns: f.row.Columns[:0], Values: f.row.Values[:0]}
	f.values, f.size, f.absent = 0, 0, first != json.Delim('{')
	f.digest.Write([]byte{1})
	if f.absent {
		f.problem("", fmt.Sprintf("is %s, not an object with names and values", kindOf(first)))
	}
	return &f.row, f.value(tokens, "", first, depth)
}

// value reads one value, however deep, and adds what it holds.
func (f *flattener) value(tokens *tokens, name string, first json.Token, depth int) error {
	switch first := first.(type) {
	case string:
		f.add(name, first)
	case json.Number:
		f.add(name, first.String())
	case bool:
		f.add(name, strconv.FormatBool(first))
	case json.Delim:
		if depth > maxDepth {
			return errTooDeep
		}
		return tokens.each(first, func(key string, token json.Token) error {
			if first == '{' && name != "" {
				return f.value(tokens, name+"."+key, token, depth+1)
			}
			if first == '{' {
				return f.value(tokens, key, token, depth+1)
			}
			return f.value(tokens, name, token, depth+1)
		})
	}
	return nil
}

// add adds a value. A record with a problem keeps its other values: one of them may say which entry it is.
func (f *flattener) add(name, text string) {
	f.digest.Write([]byte(strconv.Quote(name) + strconv.Quote(text)))
	text = strings.TrimSpace(text)
	f.values++
	f.size += len(text)
	switch {
	case text == "" || f.absent:
		return
	case !utf8.ValidString(text) || strings.ContainsRune(text, utf8.RuneError):
		f.problem(name, "holds a character that could not be read: the server may not send UTF-8")
		return
	case f.values > maxValues:
		f.problem("", fmt.Sprintf("has more than %d values", maxValues))
		return
	case f.size > maxRecord:
		f.problem(name, fmt.Sprintf("the record is longer than %d KiB", maxRecord>>10))
		return
	}
	column, ok := f.column(name)
	if !ok {
		return
	}
	// The columns of a row are few, and mostly the last one is meant.
	for i := len(f.row.Columns) - 1; i >= 0; i-- {
		if f.row.Columns[i] == column {
			f.row.Values[i] = append(f.row.Values[i], text)
			return
		}
	}
	f.row.Columns = append(f.row.Columns, column)
	f.row.Values = append(f.row.Values, []string{text})
}

// column finds or makes the column of a name.
func (f *flattener) column(name string) (int, bool) {
	i, ok := f.index[name]
	switch {
	case ok:
		return i, true
	case len(name) > maxName || !utf8.ValidString(name):
		f.problem("", fmt.Sprintf("holds a name that is longer than %d bytes or no UTF-8", maxName))
		return 0, false
	case len(f.names) == maxColumns:
		f.problem("", fmt.Sprintf("holds the name %q, and there are %d others before it: names that are data cannot be columns", name, maxColumns))
		return 0, false
	}
	i = len(f.names)
	f.names, f.index[name] = append(f.names, name), i
	return i, true
}

func (f *flattener) problem(column, reason string) {
	if f.row.Reason == "" {
		f.row.Column, f.row.Reason = column, reason
	}
}

// kindOf names a value for people.
func kindOf(first json.Token) string {
	switch first := first.(type) {
	case nil:
		return "null"
	case string:
		return "a text"
	case json.Number:
		return "a number"
	case json.Delim:
		if first == '[' {
			return "a list"
		}
		return "an object"
	}
	return "true or false"
}
