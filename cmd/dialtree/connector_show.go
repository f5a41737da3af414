package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/terminal"
	"github.com/dialtree/dialtree/store"
)

func newPlanCommand(e *env) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "plan NAME",
		Short: "Print what a confirmed run would do",
		Long: `Plan prints what the latest dry run showed, or what the guard stopped, without asking the
source again. ` + "`dialtree connector run NAME --confirm`" + ` goes on with it. There is none
after a restart of the server.`,
		Example:           "  dialtree connector plan staff\n  dialtree connector plan staff -o csv > plan.csv",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFirst(e, connectorNames),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := e.client()
			if err != nil {
				return err
			}
			report, err := client.Plan(c.Context(), args[0])
			if err != nil {
				return err
			}
			if isData(output) {
				return writeData(e.stdout, output, report)
			}
			if err := writeChanges(e, output, report.Changes); err != nil || output == "csv" {
				return err
			}
			r := &report.Run
			writeMore(e, r.Created+r.Updated+r.Removed+r.Rejected > len(report.Changes))
			writeCounts(e.stdout, report)
			return nil
		},
	}
	outputFlag(c, &output, "table", "json", "yaml", "csv")
	return c
}

func newShowCommand(e *env) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:               "show RUN",
		Short:             "Print what a run changed, from what to what",
		Example:           "  dialtree connector history staff\n  dialtree connector show staff-12",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFirst(e, runNames),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := e.client()
			if err != nil {
				return err
			}
			detail, err := client.RunDetail(c.Context(), args[0])
			if err != nil {
				return err
			}
			if isData(output) {
				return writeData(e.stdout, output, detail)
			}
			if err := writeChanges(e, output, detail.Changes); err != nil || output == "csv" {
				return err
			}
			writeMore(e, detail.More)
			writeRunDetail(e, detail)
			return nil
		},
	}
	outputFlag(c, &output, "table", "json", "yaml", "csv")
	return c
}

// A fieldLine is one line of a plan: a field that changes, or an entry without fields.
type fieldLine struct {
	change *admin.PlannedChange
	field  admin.FieldChange
}

// writeChanges writes a line for each field that changes, as a table or as CSV.
func writeChanges(e *env, output string, changes []admin.PlannedChange) error {
	var lines []fieldLine
	for i := range changes {
		change := &changes[i]
		for _, f := range change.Fields {
			lines = append(lines, fieldLine{change, f})
		}
		if len(change.Fields) == 0 {
			lines = append(lines, fieldLine{change: change})
		}
	}
	l := lister[fieldLine]{
		header: []string{"CHANGE", "NAME", "FIELD", "OLD", "NEW", "NOTE"},
		row: func(f fieldLine) []any {
			note := f.change.Reason
			if note != "" {
				note = place(f.change.Row, f.change.Column, note)
			}
			return []any{f.change.Change, f.change.Name, f.field.Field, f.field.Old, f.field.New, note}
		},
	}
	return l.write(e, output, lines)
}

func writeMore(e *env, more bool) {
	if more {
		fmt.Fprintln(e.stdout, "… and more than these")
	}
}

func writeRunDetail(e *env, d *admin.RunDetail) {
	r := &d.Run
	writeCounts(e.stdout, &admin.Report{Run: *r})
	if r.Error != "" {
		fmt.Fprintf(e.stdout, "because: %s\n", terminal.Printable(r.Error))
	}
	switch {
	case d.UndoneBy != "":
		fmt.Fprintf(e.stdout, "%s put it back\n", d.UndoneBy)
	case d.Undoable && r.Result == store.RunDone:
		fmt.Fprintf(e.stdout, "`dialtree connector undo %s` puts it back\n", r.ID)
	}
}
