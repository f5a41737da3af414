package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
)

func newAuditCommand(e *env) *cobra.Command {
	var o admin.AuditOptions
	var refused refusedFlags
	c := newListCommand(e, lister[admin.AuditRecord]{
		command: cobra.Command{
			Use:   "audit",
			Short: "Print who did what, the last first",
			Long: `Audit prints who changed what, from where and by which door: socket for commands,
session for the page, token for programs. Secrets are never in it. ` + "`dialtree audit export`" + `
writes all of it to a file.

With --refused it prints what was not let in, and why: logins, requests, connections. Like
ones of ten seconds are one line, with their count; the newest are ten seconds old.`,
			Example: `  dialtree audit
  dialtree audit --who carol --limit 20
  dialtree audit --query staff -o csv
  dialtree audit --refused --user alice --since 1h`,
			Args: cobra.NoArgs,
		},
		header: []string{"AT", "WHO", "DOOR", "FROM", "ACTION", "KIND", "NAME", "FIELDS"},
		row: func(r admin.AuditRecord) []any {
			return []any{r.At, r.Who, r.Door, r.From, r.Action, r.Kind, r.Name, auditFields(&r)}
		},
		fetch: func(ctx context.Context, client *admin.Client, _ []string) ([]admin.AuditRecord, error) {
			return client.Audit(ctx, o)
		},
	})
	refused.add(c)
	done := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := refused.check(c, "who", "query"); err != nil {
			return err
		}
		if refused.refused {
			return refused.list(c, e, o.Limit)
		}
		return done(c, args)
	}
	c.Flags().StringVar(&o.Who, "who", "", "what this administrator, token or device did")
	c.Flags().StringVar(&o.Query, "query", "", "records with these words in action, kind or name")
	countFlag(c, &o.Limit, "limit", "records", 100, 1000)
	c.AddCommand(newAuditExportCommand(e))
	return c
}

func auditFields(r *admin.AuditRecord) string {
	var out []string
	for _, f := range r.Fields {
		out = append(out, fmt.Sprintf("%s: %q → %q", f.Field, f.Old, f.New))
	}
	if r.More > 0 {
		out = append(out, fmt.Sprintf("and %d more", r.More))
	}
	return strings.Join(out, ", ")
}

func newAuditExportCommand(e *env) *cobra.Command {
	var format, file string
	var refused refusedFlags
	c := &cobra.Command{
		Use:   "export",
		Short: "Write the whole audit log, a record a line",
		Example: `  dialtree audit export --format csv -f audit.csv
  dialtree audit export --refused --since 24h -f refused.csv`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if format != "csv" && format != "json" {
				return usagef(c, "--format %s: the formats are csv and json", format)
			}
			if err := refused.check(c); err != nil {
				return err
			}
			client, err := e.client()
			if err != nil {
				return err
			}
			var download *admin.Download
			if refused.refused {
				download, err = client.RefusalsFile(c.Context(), refused.options, format)
			} else {
				download, err = client.AuditFile(c.Context(), format)
			}
			if err != nil {
				return err
			}
			return e.receive(download, file)
		},
	}
	refused.add(c)
	c.Flags().StringVar(&format, "format", "csv", "csv or json")
	c.Flags().StringVarP(&file, "file", "f", "", "`file` to write, replacing one that is there; default standard output")
	completeFlag(c, "format", cobra.FixedCompletions([]string{"csv", "json"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}
