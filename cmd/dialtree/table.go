package main

import (
	"slices"

	"github.com/dialtree/dialtree/cmd/dialtree/internal/terminal"
)

// writeTable writes columns side by side. On a terminal they are cut so that a row is one
// line, and a column that tells a state is coloured.
func writeTable(e *env, header []string, rows [][]string) error {
	state := slices.IndexFunc(header, func(h string) bool {
		return h == "STATE" || h == "RESULT" || h == "OUTCOME" || h == "SEVERITY" || h == "LEVEL"
	})
	return e.terminal().WriteTable(e.stdout, terminal.Table{Header: header, Rows: rows, State: state})
}

// terminal returns what standard output is.
func (e *env) terminal() terminal.Terminal { return terminal.Of(e.stdout, e.getenv) }
