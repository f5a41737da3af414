package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
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
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if records < 1 || records > 1000 {
				return usagef(c, "--records must be from 1 to 1000")
			}
			client, err := e.client()
			if err != nil {
				return err
			}
			preview, err := client.Preview(c.Context(), args[0], records)
			if err != nil {
				return err
			}
			if output == "json" {
				err = writeJSON(e.stdout, preview)
			} else {
				err = writePreview(e.stdout, preview)
			}
			if err == nil && preview.Error != "" {
				err = errors.New(preview.Error)
			}
			return err
		},
	}
	c.Flags().IntVar(&records, "records", 20, "how many `records`, up to 1000")
	outputFlag(c, &output, "table", "json")
	return c
}

func writePreview(w io.Writer, p *admin.Preview) error {
	for _, note := range p.Notes {
		fmt.Fprintf(w, "note: %s\n", printable(note))
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
	return writeTable(w, []string{"ROW", "RECORD", "ENTRY"}, rows)
}

func valueLines(list []admin.NamedValues) []string {
	lines := make([]string, len(list))
	for i, v := range list {
		lines[i] = v.Name + ": " + strings.Join(v.Values, ", ")
	}
	return lines
}
