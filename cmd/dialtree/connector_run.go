package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/terminal"
	"github.com/dialtree/dialtree/store"
)

func newRunCommand(e *env) *cobra.Command {
	var o admin.ImportOptions
	var watch, background bool
	var output string
	c := &cobra.Command{
		Use:   "run NAME",
		Short: "Import what a connector's source has",
		Long: `Run fetches the source, plans, and applies the plan in one step. With --dry-run it
stops before that and prints the plan. A run that would remove or reject too much is
stopped by the guard and changes nothing (exit code 3): look at the dry run, then
repeat with --confirm.

Ctrl-C ends a run, unless the server does it in the background: --background starts one
and prints its job, --watch starts one and follows it, or follows the one that is under
way, whoever started it.`,
		Example: `  dialtree connector run staff --dry-run
  dialtree connector run staff
  dialtree connector run staff --confirm    # after the guard stopped it
  dialtree connector run staff --watch
  job=$(dialtree connector run staff --background) && dialtree connector watch "$job"`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFirst(e, connectorNames),
		RunE: func(c *cobra.Command, args []string) error {
			if watch && background {
				return usagef(c, "--watch and --background exclude each other: give one of them")
			}
			client, err := e.client()
			if err != nil {
				return err
			}
			if background {
				job, err := client.StartRun(c.Context(), args[0], o)
				if err != nil {
					return err
				}
				return writeStarted(e, output, job)
			}
			if watch {
				job, err := jobToWatch(c.Context(), e, client, args[0], o)
				if err != nil {
					return err
				}
				return follow(c.Context(), e, client, job, output)
			}
			bar := newProgress(e)
			o.Progress = bar.show
			report, err := client.Run(c.Context(), args[0], o)
			bar.clear()
			if err != nil {
				return err
			}
			return finishRun(e, output, report)
		},
	}
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "print the plan and change nothing")
	c.Flags().BoolVar(&o.Confirm, "confirm", false, "go on although the guard stopped the run")
	c.Flags().BoolVar(&watch, "watch", false, "run in the background of the server and follow it; Ctrl-C leaves it running")
	c.Flags().BoolVar(&background, "background", false, "run in the background of the server and print the job's ID")
	outputFlag(c, &output, "text", "json", "yaml")
	return c
}

// finishRun tells what a run did.
func finishRun(e *env, output string, report *admin.Report) error {
	if isData(output) {
		if err := writeData(e.stdout, output, report); err != nil {
			return err
		}
	} else {
		writeReport(e.stdout, report)
	}
	if report.Run.Result == store.RunStopped {
		fmt.Fprintf(e.stderr, "dialtree: stopped by the guard: %s\n", terminal.Printable(report.Run.Error))
	}
	return resultError(report)
}

// resultError is what the result of a run means for the exit code.
func resultError(report *admin.Report) error {
	switch report.Run.Result {
	case store.RunStopped:
		return errStopped
	case store.RunFailed:
		what := "run " + report.Run.ID
		if report.DryRun {
			what = "the dry run"
		}
		return fmt.Errorf("%s of connector %s failed, nothing was changed: %s", what, report.Run.Connector, report.Run.Error)
	}
	return nil
}

// writeReport prints the plan where nothing was changed, what was rejected, and the counts.
func writeReport(w io.Writer, report *admin.Report) {
	r := &report.Run
	for _, note := range report.Notes {
		fmt.Fprintf(w, "note: %s\n", terminal.Printable(note))
	}
	if report.DryRun || r.Result == store.RunStopped {
		for _, change := range report.Changes {
			writeChange(w, change)
		}
		if total := r.Created + r.Updated + r.Removed + r.Rejected; total > len(report.Changes) {
			fmt.Fprintf(w, "… and %d more\n", total-len(report.Changes))
		}
	} else {
		for _, reject := range r.Rejects {
			fmt.Fprintf(w, "rejected %s\n", place(reject.Row, reject.Column, reject.Reason))
		}
		if more := r.Rejected - len(r.Rejects); more > 0 && len(r.Rejects) > 0 {
			fmt.Fprintf(w, "… and %d more rejected\n", more)
		}
	}
	writeCounts(w, report)
}

func writeCounts(w io.Writer, report *admin.Report) {
	r := &report.Run
	fmt.Fprintf(w, "%s: %d created, %d updated, %d removed, %d unchanged, %d rejected\n",
		heading(report), r.Created, r.Updated, r.Removed, r.Unchanged, r.Rejected)
}

// heading says which run it was and how it ended.
func heading(report *admin.Report) string {
	switch r := &report.Run; {
	case report.DryRun:
		return "dry run"
	case r.ID != "":
		return r.ID + " " + string(r.Result)
	default:
		return string(r.Result)
	}
}

func writeChange(w io.Writer, c admin.PlannedChange) {
	if c.Change == "reject" {
		fmt.Fprintf(w, "reject %s\n", place(c.Row, c.Column, c.Reason))
		return
	}
	var fields []string
	for _, f := range c.Fields {
		fields = append(fields, fmt.Sprintf("%s: %q → %q", f.Field, f.Old, f.New))
	}
	fmt.Fprintf(w, "%s %s", c.Change, terminal.Printable(c.Name))
	if c.Change == "update" && len(fields) > 0 {
		fmt.Fprintf(w, " (%s)", terminal.Printable(strings.Join(fields, ", ")))
	}
	fmt.Fprintln(w)
}

func place(row int, column, reason string) string {
	var b strings.Builder
	if row > 0 {
		fmt.Fprintf(&b, "row %d", row)
		if column != "" {
			fmt.Fprintf(&b, ", column %s", column)
		}
		b.WriteString(": ")
	}
	b.WriteString(reason)
	return terminal.Printable(b.String())
}
