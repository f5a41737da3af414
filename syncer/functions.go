package syncer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

var (
	errTooLong = fmt.Errorf("the text is longer than %d bytes", maxText)
	errTooMany = fmt.Errorf("the list has more than %d values", maxParts)
)

// A function is one that variables and filters can call.
type function struct {
	name  string
	call  func(...any) (any, error)
	types []any // its signatures
}

// functionsOf are the functions by the numbering settings. A text that a function takes may be
// nil, which is empty; what it gives is bounded.
func functionsOf(n Numbers) []function {
	text := new(func(string) string)
	text2 := new(func(string, string) string)
	return []function{
		{"col", func(...any) (any, error) { return "", nil }, []any{text}}, // replaced when it is compiled
		{"match", func(...any) (any, error) { return false, nil }, []any{new(func(string, string) bool)}},
		{"concat", concat, []any{new(func(any, any) string)}},
		{"first", first, []any{new(func(...any) string)}},
		{"default", first, []any{new(func(any, any) string)}},
		{"join", join, []any{new(func(any) string), new(func(any, string) string)}},
		{"split", split, []any{new(func(string, string) []string)}},
		{"lower", textual(strings.ToLower), []any{text}},
		{"upper", textual(strings.ToUpper), []any{text}},
		{"trim", textual(strings.TrimSpace), []any{text}},
		{"digits", textual(digits), []any{text}},
		{"e164", textual(n.e164), []any{text}},
		{"truncate", truncate, []any{new(func(string, int) string)}},
		{"replace", replace, []any{new(func(string, string, string) string)}},
		{"prefix", prefix, []any{text2}},
	}
}

// functionNames lists them for people.
func (n *names) functionNames() string {
	var list []string
	for name := range n.functions {
		if name != "concat" {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// textual makes a function of one of Go's.
func textual(f func(string) string) func(...any) (any, error) {
	return func(args ...any) (any, error) {
		s, err := textOf(args[0])
		if err != nil {
			return nil, err
		}
		return bounded(f(s))
	}
}

// textOf is the first text of a value.
func textOf(value any) (string, error) {
	if s, ok := value.(string); ok {
		return s, nil
	}
	texts, err := textsOf(value)
	if err != nil || len(texts) == 0 {
		return "", err
	}
	return texts[0], nil
}

func texts(args []any) ([]string, error) {
	out := make([]string, len(args))
	for i := range args {
		var err error
		if out[i], err = textOf(args[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func bounded(s string) (any, error) {
	if len(s) > maxText {
		return nil, errTooLong
	}
	return s, nil
}

func concat(args ...any) (any, error) {
	if a, ok := args[0].(int); ok {
		if b, ok := args[1].(int); ok {
			return a + b, nil
		}
	}
	s, err := texts(args)
	if err != nil {
		return nil, err
	}
	return bounded(s[0] + s[1])
}

// first returns the first text that is not blank.
func first(args ...any) (any, error) {
	for _, a := range args {
		s, err := textsOf(a)
		if err != nil {
			return nil, err
		}
		for _, t := range s {
			if strings.TrimSpace(t) != "" {
				return t, nil
			}
		}
	}
	return "", nil
}

// join puts texts together, ", " between them unless something else is given.
func join(args ...any) (any, error) {
	s, err := textsOf(args[0])
	if err != nil {
		return nil, err
	}
	separator := ", "
	if len(args) > 1 {
		if separator, err = textOf(args[1]); err != nil {
			return nil, err
		}
	}
	size := len(separator) * len(s)
	for _, t := range s {
		size += len(t)
	}
	if size > maxText {
		return nil, errTooLong
	}
	return strings.Join(s, separator), nil
}

// split takes a text apart and drops what is blank.
func split(args ...any) (any, error) {
	s, err := texts(args)
	if err != nil {
		return nil, err
	}
	if s[1] == "" {
		return nil, errors.New("split wants something to split at")
	}
	if strings.Count(s[0], s[1]) >= maxParts {
		return nil, errTooMany
	}
	var parts []string
	for part := range strings.SplitSeq(s[0], s[1]) {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts, nil
}

// truncate keeps the first letters.
func truncate(args ...any) (any, error) {
	s, err := textOf(args[0])
	if err != nil {
		return nil, err
	}
	n, ok := args[1].(int)
	if !ok || n < 0 {
		return nil, errors.New("truncate wants a number of letters")
	}
	for i := range s {
		if n == 0 {
			return s[:i], nil
		}
		n--
	}
	return s, nil
}

func replace(args ...any) (any, error) {
	s, err := texts(args)
	if err != nil {
		return nil, err
	}
	if s[1] == "" {
		return s[0], nil // Go would put the new text between all letters
	}
	if n := strings.Count(s[0], s[1]); len(s[0])+n*(len(s[2])-len(s[1])) > maxText {
		return nil, errTooLong
	}
	return strings.ReplaceAll(s[0], s[1], s[2]), nil
}

// digits drops everything else.
func digits(s string) string {
	return strings.Map(func(c rune) rune {
		if c < '0' || c > '9' {
			return -1
		}
		return c
	}, s)
}

// prefix puts a text before another, unless that is blank.
func prefix(args ...any) (any, error) {
	s, err := texts(args)
	if err != nil || strings.TrimSpace(s[0]) == "" {
		return "", err
	}
	return bounded(s[1] + s[0])
}
