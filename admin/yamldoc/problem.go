package yamldoc

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Problem is one mistake in a document.
type Problem struct {
	File    string // as it was named to Parse
	Line    int    // from 1; 0 when the mistake has no line
	Path    string // such as "tls.ca_file" or "urls[1]"; empty for the document itself
	Message string // a sentence without a full stop
}

// Error returns "FILE:LINE: PATH: MESSAGE", without the parts that are empty.
func (p *Problem) Error() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d", p.Line)
		}
		b.WriteString(": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path)
		b.WriteString(": ")
	}
	b.WriteString(p.Message)
	return b.String()
}

// Problems are the mistakes of one or more documents, in the order of their lines.
type Problems []*Problem

// Error returns one line for each problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Err returns ps as an error: nil when there is no problem.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}

// Sort orders the problems by line; those of one line keep their order.
func (ps Problems) Sort() {
	slices.SortStableFunc(ps, func(a, b *Problem) int { return a.Line - b.Line })
}

// A PathError is a mistake in the value at a path below the one that is being
// decoded. An UnmarshalYAML may return one; so do checks of a decoded value.
type PathError interface {
	error
	FieldPath() string    // "" for the value itself
	FieldMessage() string // without the path
}

// message returns what err says beside its path.
func message(err error) (path, text string) {
	var pe PathError
	if errors.As(err, &pe) {
		return pe.FieldPath(), pe.FieldMessage()
	}
	return "", err.Error()
}
