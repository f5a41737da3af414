package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/store"
)

func newConnectorCommand(e *env) *cobra.Command {
	return group("connector", "Set up and run imports",
		newTemplatesCommand(e), newNewCommand(e), newLookCommand(e), newPreviewCommand(e), newNextCommand(e),
		newRunCommand(e), newWatchCommand(e), newPlanCommand(e), newHistoryCommand(e), newShowCommand(e), newUndoCommand(e))
}

func newTemplatesCommand(e *env) *cobra.Command {
	return newListCommand(e, lister[admin.Template]{
		command: cobra.Command{
			Use:     "templates",
			Short:   "List the templates that connectors are made from",
			Example: "  dialtree connector templates",
			Args:    cobra.NoArgs,
		},
		header: []string{"TEMPLATE", "WHAT IT IMPORTS"},
		row:    func(t admin.Template) []any { return []any{t.Name, t.Title} },
		fetch: func(ctx context.Context, client *admin.Client, _ []string) ([]admin.Template, error) {
			return client.Templates(ctx)
		},
	})
}

func newNewCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "new TEMPLATE NAME",
		Short: "Print a new connector to complete and apply",
		Long:  "New prints YAML with every key explained. Nothing is stored: complete it, then apply it.",
		Example: `  dialtree connector new csv-users staff > staff.yaml
  dialtree connector look -f staff.yaml
  dialtree apply -f staff.yaml
  dialtree connector run staff --dry-run`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completeFirst(e, templateNames),
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
	var limit int
	c := newListCommand(e, lister[store.Run]{
		command: cobra.Command{
			Use:   "history NAME",
			Short: "List the latest runs of a connector",
			Example: `  dialtree connector history staff
  dialtree connector history staff -o json --limit 1`,
			Args:              cobra.ExactArgs(1),
			ValidArgsFunction: completeFirst(e, connectorNames),
		},
		header: []string{"RUN", "STARTED", "TOOK", "RESULT", "CREATED", "UPDATED", "REMOVED", "UNCHANGED", "REJECTED", "BY", "NOTE"},
		row:    runRow,
		fetch: func(ctx context.Context, client *admin.Client, args []string) ([]store.Run, error) {
			return client.Runs(ctx, args[0], limit)
		},
	})
	countFlag(c, &limit, "limit", "runs", 20, 100)
	return c
}

func runRow(r store.Run) []any {
	note := r.Error
	if r.Undoes != "" {
		note = "undoes " + r.Undoes
	}
	return []any{r.ID, r.Started, r.Finished.Sub(r.Started).Round(10 * time.Millisecond), r.Result,
		r.Created, r.Updated, r.Removed, r.Unchanged, r.Rejected, r.By, note}
}

func newUndoCommand(e *env) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:               "undo RUN",
		Short:             "Put back what a run changed",
		Long:              "Undo restores what a run created, updated and removed. What was changed since is left alone and told.",
		Example:           "  dialtree connector history staff\n  dialtree connector undo staff-12",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFirst(e, runNames),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := e.client()
			if err != nil {
				return err
			}
			report, err := client.Undo(c.Context(), args[0])
			if err != nil {
				return err
			}
			if isData(output) {
				if err := writeData(e.stdout, output, report); err != nil {
					return err
				}
			} else {
				fmt.Fprintf(e.stdout, "undid %s: ", args[0])
				writeReport(e.stdout, report)
			}
			return resultError(report)
		},
	}
	outputFlag(c, &output, "text", "json", "yaml")
	return c
}
