package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/syncer"
)

func newImportTemplateCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "template " + strings.Join(syncer.FormTargets(), "|") + " [FILE]",
		Short: "Write a file to be filled in and imported",
		Long: `Template writes a file with a column for each field, for Excel or LibreOffice; its second
sheet says what the columns hold. All cells are text, so that numbers keep their + and
their zeros. A FILE that ends in .csv is written as CSV. No server is needed.`,
		Example: `  dialtree import template users
  dialtree import template phonebook customers.csv`,
		Args:      cobra.RangeArgs(1, 2),
		ValidArgs: syncer.FormTargets(),
		RunE: func(c *cobra.Command, args []string) error {
			path := args[0] + ".xlsx"
			if len(args) == 2 {
				path = args[1]
			}
			form, err := syncer.ImportForm(args[0], strings.TrimPrefix(filepath.Ext(path), "."))
			if err != nil {
				return usagef(c, "%w", err)
			}
			if err := writeNew(path, form); err != nil {
				return err
			}
			fmt.Fprintf(e.stdout, "wrote %s: fill it in, then: %s import %s --to %s --dry-run\n", path, e.program(), path, exampleTarget(args[0]))
			return nil
		},
	}
}

func exampleTarget(form string) string {
	if form == "phonebook" {
		return "phonebook/NAME"
	}
	return form
}

// writeNew writes a file that must not be there yet: it may be filled in already.
func writeNew(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already: name another file", path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}
