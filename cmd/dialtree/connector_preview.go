package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/terminal"
)

func newPreviewCommand(e *env) *cobra.Command {
	var output string
	var records int
	c := &cobra.Command{
		Use:   "preview NAME",
		Short: "Show the first records of a source beside what they become",
		Long: `Preview reads the beginning of the source and shows each record beside the entry that
the variables make of it, or why it is left out or rejected. Nothing is compared with
what is stored and nothing is changed: "run --dry-run" shows the whole plan.`,
		Example: `  dialtree connector preview staff
  dialtree connector preview staff --records 5 -o json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFirst(e, connectorNames),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := e.client()
			if err != nil {
				return err
			}
			preview, err := client.Preview(c.Context(), args[0], records)
			if err != nil {
				return err
			}
			if isData(output) {
				err = writeData(e.stdout, output, preview)
			} else {
				err = writePreview(e, preview)
			}
			if err == nil && preview.Error != "" {
				err = errors.New(preview.Error)
			}
			return err
		},
	}
	outputFlag(c, &output, "table", "json", "yaml")
	countFlag(c, &records, "records", "records", 20, 1000)
	return c
}

func writePreview(e *env, p *admin.Preview) error {
	for _, note := range p.Notes {
		fmt.Fprintf(e.stdout, "note: %s\n", terminal.Printable(note))
	}
	if len(p.Records) == 0 {
		return nil
	}
	var rows [][]string
	for _, r := range p.Records {
		source, entry := valueLines(r.Source), valueLines(r.Entry)
		switch {
		case r.LeftOut:
			entry = []string{"(the filter leaves it out)"}
		case r.Reason != "" && r.Column != "":
			entry = []string{fmt.Sprintf("(rejected: %s: %s)", r.Column, r.Reason)}
		case r.Reason != "":
			entry = []string{fmt.Sprintf("(rejected: %s)", r.Reason)}
		}
		for _, note := range r.Notes {
			entry = append(entry, "("+note+")")
		}
		for i := range max(len(source), len(entry)) {
			row := make([]string, 3)
			if i == 0 {
				row[0] = strconv.Itoa(r.Row)
			}
			if i < len(source) {
				row[1] = source[i]
			}
			if i < len(entry) {
				row[2] = entry[i]
			}
			rows = append(rows, row)
		}
	}
	return writeTable(e, []string{"ROW", "RECORD", "ENTRY"}, rows)
}

func valueLines(list []admin.NamedValues) []string {
	lines := make([]string, len(list))
	for i, v := range list {
		lines[i] = v.Name + ": " + strings.Join(v.Values, ", ")
	}
	return lines
}
