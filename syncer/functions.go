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
	all   int // how many of its first arguments take all values of a column, not just the first
	call  func(...any) (any, error)
	types []any // its signatures
}

// functionsOf are the functions by the numbering settings. A text that a function takes may be
// nil, which is empty, or a list; what it gives is bounded.
func functionsOf(n Numbers) []function {
	text := new(func(string) string)
	return []function{
		{"col", 0, func(...any) (any, error) { return "", nil }, []any{text}}, // replaced when it is compiled
		{"match", 0, func(...any) (any, error) { return false, nil }, []any{new(func(string, string) bool)}},
		{"concat", 0, concat, []any{new(func(any, any) string)}},
		{"first", maxParts, first, []any{new(func(...any) string)}},
		{"default", 2, byDefault, []any{new(func(any, any) string)}},
		{"join", 1, join, []any{new(func(any) string), new(func(any, string) string)}},
		{"split", 1, split, []any{new(func(string, string) []string)}},
		{"inGroup", 1, inGroup, []any{new(func(any, string) bool)}},
		{"rdn", 1, textual(rdn), []any{text}},
		{"ou", 1, ou, []any{text}},
		{"lower", 1, textual(strings.ToLower), []any{text}},
		{"upper", 1, textual(strings.ToUpper), []any{text}},
		{"trim", 1, textual(strings.TrimSpace), []any{text}},
		{"digits", 1, textual(digits), []any{text}},
		{"e164", 1, textual(n.e164), []any{text}},
		{"truncate", 1, truncate, []any{new(func(string, int) string)}},
		{"replace", 1, replace, []any{new(func(string, string, string) string)}},
		{"prefix", 1, prefix, []any{new(func(string, string) string)}},
	}
}

// unknownFunction says what to write instead of a name that is not a function.
func (n *names) unknownFunction(name string) string {
	var list []string
	for name := range n.functions {
		if name != "concat" {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	if near := nearest(name, list); near != "" {
		return fmt.Sprintf("there is no function %q: is it %q?", name, near)
	}
	return fmt.Sprintf("there is no function %q: there are %s", name, strings.Join(list, ", "))
}

// textual makes a function of one of Go's.
func textual(f func(string) string) func(...any) (any, error) {
	return func(args ...any) (any, error) {
		return each(args[0], func(s string) (string, error) { return f(s), nil })
	}
}

// each calls f with a text, or with each of a list: what it gives is of the same form.
func each(value any, f func(string) (string, error)) (any, error) {
	all, err := textsOf(value)
	if err != nil {
		return nil, err
	}
	if len(all) < 2 {
		s, _ := textOf(value) // textsOf found nothing wrong
		if s, err = f(s); err != nil {
			return nil, err
		}
		return bounded(s)
	}
	made := make([]string, len(all))
	for i, s := range all {
		if made[i], err = f(s); err != nil {
			return nil, err
		}
		if len(made[i]) > maxText {
			return nil, errTooLong
		}
	}
	return made, nil
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

// byDefault returns the first value unless it is blank, else the second.
func byDefault(args ...any) (any, error) {
	s, err := first(args[0])
	if err != nil {
		return nil, err
	}
	if s != "" {
		return args[0], nil
	}
	return args[1], nil
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

// split takes texts apart and drops what is blank.
func split(args ...any) (any, error) {
	all, err := textsOf(args[0])
	if err != nil {
		return nil, err
	}
	separator, err := textOf(args[1])
	if err != nil {
		return nil, err
	}
	if separator == "" {
		return nil, errors.New("split wants something to split at")
	}
	var parts []string
	for _, text := range all {
		if len(parts)+strings.Count(text, separator) >= maxParts {
			return nil, errTooMany
		}
		for part := range strings.SplitSeq(text, separator) {
			if part = strings.TrimSpace(part); part != "" {
				parts = append(parts, part)
			}
		}
	}
	return parts, nil
}

// truncate keeps the first letters.
func truncate(args ...any) (any, error) {
	letters, ok := args[1].(int)
	if !ok || letters < 0 {
		return nil, errors.New("truncate wants a number of letters")
	}
	return each(args[0], func(s string) (string, error) {
		n := letters
		for i := range s {
			if n == 0 {
				return s[:i], nil
			}
			n--
		}
		return s, nil
	})
}

func replace(args ...any) (any, error) {
	with, err := texts(args[1:])
	if err != nil {
		return nil, err
	}
	old, replacement := with[0], with[1]
	return each(args[0], func(s string) (string, error) {
		if old == "" {
			return s, nil // Go would put the new text between all letters
		}
		if n := strings.Count(s, old); len(s)+n*(len(replacement)-len(old)) > maxText {
			return "", errTooLong
		}
		return strings.ReplaceAll(s, old, replacement), nil
	})
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
	before, err := textOf(args[1])
	if err != nil {
		return nil, err
	}
	return each(args[0], func(s string) (string, error) {
		if strings.TrimSpace(s) == "" {
			return "", nil
		}
		return before + s, nil
	})
}
