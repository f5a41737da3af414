package main

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/store"
)

func newConnectorCommand(e *env) *cobra.Command {
	return group("connector", "Set up and run imports",
		newTemplatesCommand(e), newNewCommand(e), newPreviewCommand(e), newRunCommand(e), newHistoryCommand(e), newUndoCommand(e))
}

func newTemplatesCommand(e *env) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:     "templates",
		Short:   "List the templates that connectors are made from",
		Example: "  dialtree connector templates",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := e.client()
			if err != nil {
				return err
			}
			templates, err := client.Templates(c.Context())
			if err != nil {
				return err
			}
			if output == "json" {
				return writeJSON(e.stdout, templates)
			}
			rows := make([][]string, len(templates))
			for i, t := range templates {
				rows[i] = []string{t.Name, t.Title}
			}
			return writeTable(e.stdout, []string{"TEMPLATE", "WHAT IT IMPORTS"}, rows)
		},
	}
	outputFlag(c, &output, "table", "json")
	return c
}

func newNewCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "new TEMPLATE NAME",
		Short: "Print a new connector to complete and apply",
		Long:  "New prints YAML with every key explained. Nothing is stored: complete it, then apply it.",
		Example: `  dialtree connector new csv-users staff > staff.yaml
  dialtree apply -f staff.yaml
  dialtree connector run staff --dry-run`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := e.client()
			if err != nil {
				return err
			}
			text, err := client.NewConnector(c.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			_, err = io.WriteString(e.stdout, text)
			return err
		},
	}
}

func newHistoryCommand(e *env) *cobra.Command {
	var output string
	var limit int
	c := &cobra.Command{
		Use:   "history NAME",
		Short: "List the latest runs of a connector",
		Example: `  dialtree connector history staff
  dialtree connector history staff -o json --limit 1`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if limit < 1 || limit > 100 {
				return usagef(c, "--limit must be from 1 to 100")
			}
			client, err := e.client()
			if err != nil {
				return err
			}
			runs, err := client.Runs(c.Context(), args[0], limit)
			if err != nil {
				return err
			}
			if output == "json" {
				return writeJSON(e.stdout, runs)
			}
			return writeRuns(e.stdout, runs)
		},
	}
	c.Flags().IntVar(&limit, "limit", 20, "how many `runs`, up to 100")
	outputFlag(c, &output, "table", "json")
	return c
}

func writeRuns(w io.Writer, runs []store.Run) error {
	rows := make([][]string, len(runs))
	for i, r := range runs {
		note := r.Error
		if r.Undoes != "" {
			note = "undoes " + r.Undoes
		}
		rows[i] = []string{r.ID, r.Started.Local().Format("2006-01-02 15:04:05"), r.Finished.Sub(r.Started).Round(10 * time.Millisecond).String(),
			string(r.Result), strconv.Itoa(r.Created), strconv.Itoa(r.Updated), strconv.Itoa(r.Removed), strconv.Itoa(r.Unchanged), strconv.Itoa(r.Rejected), note}
	}
	return writeTable(w, []string{"RUN", "STARTED", "TOOK", "RESULT", "CREATED", "UPDATED", "REMOVED", "UNCHANGED", "REJECTED", "NOTE"}, rows)
}

func newUndoCommand(e *env) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:     "undo RUN",
		Short:   "Put back what a run changed",
		Long:    "Undo restores what a run created, updated and removed. What was changed since is left alone and told.",
		Example: "  dialtree connector history staff\n  dialtree connector undo staff-12",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := e.client()
			if err != nil {
				return err
			}
			report, err := client.Undo(c.Context(), args[0])
			if err != nil {
				return err
			}
			if output == "json" {
				if err := writeJSON(e.stdout, report); err != nil {
					return err
				}
			} else {
				fmt.Fprintf(e.stdout, "undid %s: ", args[0])
				writeReport(e.stdout, report)
			}
			return resultError(report)
		},
	}
	outputFlag(c, &output, "text", "json")
	return c
}
