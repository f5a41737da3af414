// Command report makes tables of the figures that `make torture` noted.
//
//	report FIGURES            prints them
//	report FIGURES DOCUMENT   puts each between its marks in a Markdown document, <!-- figures: PART -->
//	                          and <!-- end -->, and leaves alone what has no figures
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/dialtree/dialtree/e2e/torture"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) != 1 && len(args) != 2 {
		return errors.New("usage: report FIGURES [DOCUMENT]")
	}
	data, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	tables, err := parse(data)
	if err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	if len(args) == 1 {
		for _, t := range tables {
			fmt.Fprintf(out, "%s\n\n%s\n", t.part, t)
		}
		return nil
	}
	document, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	text := string(document)
	for _, t := range tables {
		if text, err = t.place(text); err != nil {
			return fmt.Errorf("%s: %w", args[1], err)
		}
	}
	return os.WriteFile(args[1], []byte(text), 0o644)
}

// A table has a row for each thing that was measured and a column for each server.
type table struct {
	part    string
	rows    []string
	columns []string
	cells   map[[2]string]string // row, column; the last figure noted
}

// parse reads lines of JSON, in the order of the parts' first figures.
func parse(data []byte) ([]*table, error) {
	var tables []*table
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		var f torture.Figure
		if err := json.Unmarshal(lines.Bytes(), &f); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		at := slices.IndexFunc(tables, func(t *table) bool { return t.part == f.Part })
		if at < 0 {
			at = len(tables)
			tables = append(tables, &table{part: f.Part, cells: map[[2]string]string{}})
		}
		tables[at].add(f)
	}
	if len(tables) == 0 {
		return nil, errors.New("it holds no figures")
	}
	return tables, lines.Err()
}

func (t *table) add(f torture.Figure) {
	if !slices.Contains(t.rows, f.What) {
		t.rows = append(t.rows, f.What)
	}
	if !slices.Contains(t.columns, f.Server) {
		t.columns = append(t.columns, f.Server)
	}
	t.cells[[2]string{f.What, f.Server}] = f.Value
}

// String is the table in Markdown.
func (t *table) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| | %s |\n|---|%s\n", strings.Join(t.columns, " | "), strings.Repeat("---|", len(t.columns)))
	for _, row := range t.rows {
		b.WriteString("| " + row)
		for _, column := range t.columns {
			b.WriteString(" | " + t.cells[[2]string{row, column}])
		}
		b.WriteString(" |\n")
	}
	return b.String()
}

// place puts the table between its marks.
func (t *table) place(document string) (string, error) {
	const end = "<!-- end -->"
	before, rest, ok := strings.Cut(document, "<!-- figures: "+t.part+" -->\n")
	if !ok {
		return "", fmt.Errorf("it has no mark <!-- figures: %s -->", t.part)
	}
	_, after, ok := strings.Cut(rest, end)
	if !ok {
		return "", fmt.Errorf("the figures of %s have no %s", t.part, end)
	}
	return before + "<!-- figures: " + t.part + " -->\n" + t.String() + end + after, nil
}
