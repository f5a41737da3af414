package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/terminal"
)

func newLookupCommand(e *env) *cobra.Command {
	var output, as string
	c := &cobra.Command{
		Use:   "lookup NUMBER-OR-NAME",
		Short: "Show what a phone would see for a number or a name",
		Long: `Lookup sends the searches that phones send, and shows what each finds: for a number the
name of a caller, then numbers that begin so; for anything else names that begin so,
then names that have it in them.

Who looks decides what is seen: --as device:NAME or user:NAME, or everyone for a phone
that does not log in. Without it, it is the first device. Exit code 1: nobody was found.`,
		Example: `  dialtree lookup 030/1234567
  dialtree lookup müller --as user:alice
  dialtree lookup "+49 170 1234567" --as everyone -o json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := e.client()
			if err != nil {
				return err
			}
			found, err := client.LookUp(c.Context(), strings.Join(args, " "), as)
			if err != nil {
				return err
			}
			if isData(output) {
				err = writeData(e.stdout, output, found)
			} else {
				err = writeLookup(e, found)
			}
			if err == nil && !foundAny(found) {
				err = errFailed
			}
			return err
		},
	}
	c.Flags().StringVar(&as, "as", "", "who looks: device:`NAME`, user:NAME or everyone; default the first device")
	outputFlag(c, &output, "table", "json", "yaml")
	return c
}

func foundAny(l *admin.Lookup) bool {
	for _, s := range l.Steps {
		if len(s.Entries) > 0 {
			return true
		}
	}
	return false
}

func writeLookup(e *env, l *admin.Lookup) error {
	if !foundAny(l) {
		_, err := fmt.Fprintf(e.stdout, "Nobody is found as %s.\n", terminal.Printable(l.As))
		return err
	}
	for _, s := range l.Steps {
		if len(s.Entries) == 0 {
			continue
		}
		fmt.Fprintf(e.stdout, "%s, as %s:  %s\n", capital(s.Title), terminal.Printable(l.As), terminal.Printable(s.Filter))
		rows := make([][]string, len(s.Entries))
		for i, f := range s.Entries {
			rows[i] = []string{f.Name, f.Organisation, strings.Join(f.Phone, ", "), strings.Join(f.Mobile, ", "), strings.Join(f.HomePhone, ", "), strings.Join(f.Fax, ", "), f.DN}
		}
		if err := writeTable(e, []string{"NAME", "ORGANISATION", "PHONE", "MOBILE", "HOMEPHONE", "FAX", "DN"}, rows); err != nil {
			return err
		}
		if s.More {
			fmt.Fprintf(e.stdout, "There are more; a phone shows the first %d.\n", len(s.Entries))
		}
	}
	return nil
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
