package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/terminal"
	"github.com/dialtree/dialtree/store"
)

func newImportCommand(e *env) *cobra.Command {
	var o admin.ImportOptions
	var target, output string
	var background bool
	c := &cobra.Command{
		Use:   "import FILE --to users|phonebook/NAME|speeddials",
		Short: "Import a CSV or xlsx file once",
		Long: `Import reads a file once and reports on each row. The first row names the columns, with
the names of fields: ` + "`dialtree import template`" + ` writes a file to be filled in. Look with
--dry-run first.

The entries are made by hand: they belong to no connector, and nothing is ever removed.
What is there already is updated, as far as the file has columns for it, so the same file
can be imported again. ` + "`dialtree connector history import`" + ` lists the imports, and
` + "`dialtree connector undo import-1`" + ` puts back what one changed. A list that comes again and
again is better read by a connector.`,
		Example: `  dialtree import template users
  dialtree import users.xlsx --to users --dry-run
  dialtree import users.xlsx --to users
  dialtree import contacts.csv --to phonebook/customers
  dialtree import contacts.csv --to phonebook/customers --background`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if target == "" {
				return usagef(c, "say what the file is a list of: --to users, --to phonebook/NAME or --to speeddials")
			}
			content, err := readImport(e, args[0])
			if err != nil {
				return err
			}
			client, err := e.client()
			if err != nil {
				return err
			}
			file := admin.HandFile{Name: filepath.Base(args[0]), Content: content, Target: target}
			if background {
				job, err := client.StartImport(c.Context(), file, o)
				if err != nil {
					return err
				}
				return writeStarted(e, output, job)
			}
			bar := newProgress(e)
			o.Progress = bar.show
			report, err := client.Import(c.Context(), file, o)
			bar.clear()
			if err != nil {
				return err
			}
			return finishImport(e, report, output)
		},
	}
	c.Flags().StringVar(&target, "to", "", "what the rows become: users, phonebook/`NAME` or speeddials")
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "print the plan and change nothing")
	c.Flags().BoolVar(&o.Confirm, "confirm", false, "go on although the guard stopped the import")
	c.Flags().BoolVar(&background, "background", false, "import in the background of the server and print the job's ID, for connector watch")
	outputFlag(c, &output, "text", "json", "yaml")
	c.AddCommand(newImportTemplateCommand(e))
	return c
}

// readImport reads a file, or standard input for "-".
func readImport(e *env, path string) ([]byte, error) {
	in := e.stdin
	if path != "-" {
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s does not exist: check the path", path)
		}
		if err != nil {
			return nil, err
		}
		defer f.Close() // read only
		in = f
	}
	content, err := io.ReadAll(io.LimitReader(in, admin.MaxImport+1))
	switch {
	case err != nil:
		return nil, err
	case len(content) == 0:
		return nil, fmt.Errorf("%s is empty", path)
	case len(content) > admin.MaxImport:
		return nil, fmt.Errorf("%s is larger than %d MiB: read it with a connector, from a path that the server can read", path, admin.MaxImport>>20)
	}
	return content, nil
}

func finishImport(e *env, report *admin.Report, output string) error {
	if isData(output) {
		if err := writeData(e.stdout, output, report); err != nil {
			return err
		}
	} else {
		writeRows(e.stdout, report)
	}
	switch report.Run.Result {
	case store.RunStopped:
		fmt.Fprintf(e.stderr, "dialtree: stopped by the guard: %s\n", terminal.Printable(report.Run.Error))
		return errStopped
	case store.RunFailed:
		return fmt.Errorf("nothing was imported: %s", report.Run.Error)
	}
	return nil
}

// writeRows reports on a file row by row.
func writeRows(w io.Writer, report *admin.Report) {
	r := &report.Run
	for _, change := range report.Changes {
		if change.Change != "reject" {
			fmt.Fprintf(w, "row %d: ", change.Row)
		}
		writeChange(w, change)
	}
	if total := r.Created + r.Updated + r.Rejected; total > len(report.Changes) && r.Result != store.RunFailed {
		fmt.Fprintf(w, "… and %d more\n", total-len(report.Changes))
	}
	for _, note := range report.Notes {
		fmt.Fprintf(w, "note: %s\n", terminal.Printable(note))
	}
	fmt.Fprintf(w, "%s: %d created, %d updated, %d unchanged, %d rejected\n", heading(report), r.Created, r.Updated, r.Unchanged, r.Rejected)
}
