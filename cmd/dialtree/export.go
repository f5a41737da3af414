package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/terminal"
)

func newExportCommand(e *env) *cobra.Command {
	var phonebook, format, file string
	c := &cobra.Command{
		Use:   "export KIND",
		Short: "Write users, contacts or speed dials to a file for other programs",
		Long: `Export writes entries as CSV or xlsx, which an import reads again, or as vCard for
address books. Without -f it writes to standard output. What is not whole when it ends
is not left behind.`,
		Example: `  dialtree export contacts --phonebook customers --format vcard -f customers.vcf
  dialtree export users --format xlsx -f users.xlsx
  dialtree export speeddials > speeddials.csv`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.FixedCompletions([]string{"users", "contacts", "speeddials"}, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(c *cobra.Command, args []string) error {
			kind, err := parseEntryKind(c, args[0])
			if err != nil {
				return err
			}
			if format != "csv" && format != "xlsx" && format != "vcard" {
				return usagef(c, "--format %s: the formats are csv, xlsx and vcard", format)
			}
			if phonebook != "" && kind != "contact" {
				return usagef(c, "--phonebook is for contacts")
			}
			if format == "xlsx" && file == "" && e.terminal() != (terminal.Terminal{}) {
				return usagef(c, "a terminal cannot show xlsx: name a file with -f")
			}
			client, err := e.client()
			if err != nil {
				return err
			}
			download, err := client.Export(c.Context(), kind, phonebook, format)
			if err != nil {
				return err
			}
			return e.receive(download, file)
		},
	}
	c.Flags().StringVar(&phonebook, "phonebook", "", "only contacts of this phonebook")
	c.Flags().StringVar(&format, "format", "csv", "csv, xlsx or vcard")
	c.Flags().StringVarP(&file, "file", "f", "", "`file` to write, replacing one that is there; default standard output")
	completeFlag(c, "phonebook", complete(e, namesOf("phonebook")))
	completeFlag(c, "format", cobra.FixedCompletions([]string{"csv", "xlsx", "vcard"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// receive writes a download to a file, or to standard output for none, and closes it. The
// file gets its name when all of it is there.
func (e *env) receive(d *admin.Download, path string) error {
	defer d.Close()
	if path == "" || path == "-" {
		_, err := io.Copy(e.stdout, d)
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".dialtree-*")
	if err != nil {
		return err
	}
	size, err := io.Copy(f, d)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	fmt.Fprintf(e.stderr, "wrote %s (%d bytes)\n", path, size)
	return nil
}
