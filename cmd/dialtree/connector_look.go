package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/terminal"
)

func newLookCommand(e *env) *cobra.Command {
	var file, output string
	var records int
	c := &cobra.Command{
		Use:   "look -f FILE",
		Short: "Show what a connector that is not applied yet makes of its source",
		Long: `Look reads a connector from YAML, and the beginning of its source: which columns there
are for variables, and what the first records become. Nothing is stored. A secret that
reads "[secret]" is that of the stored connector with this name.`,
		Example: `  dialtree connector new csv-users staff > staff.yaml
  dialtree connector look -f staff.yaml`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if file == "" {
				return usagef(c, "name the connector's file with -f, or - for standard input")
			}
			document, err := readDocument(e, file, "connector")
			if err != nil {
				return err
			}
			client, err := e.client()
			if err != nil {
				return err
			}
			look, err := client.LookAtSource(c.Context(), document, records)
			if err != nil {
				return err
			}
			if isData(output) {
				err = writeData(e.stdout, output, look)
			} else {
				err = writeLook(e, look)
			}
			if err == nil && look.Error != "" {
				err = errors.New(look.Error)
			}
			return err
		},
	}
	c.Flags().StringVarP(&file, "file", "f", "", "YAML `file` of one connector, or - for standard input")
	outputFlag(c, &output, "table", "json", "yaml")
	countFlag(c, &records, "records", "records", 20, 1000)
	return c
}

func writeLook(e *env, look *admin.SourceLook) error {
	if len(look.Columns) > 0 {
		fmt.Fprintf(e.stdout, "columns: %s\n", terminal.Printable(strings.Join(look.Columns, ", ")))
	}
	if len(look.Fields) > 0 {
		fmt.Fprintf(e.stdout, "fields:  %s\n", terminal.Printable(strings.Join(look.Fields, ", ")))
	}
	return writePreview(e, &look.Preview)
}

// readDocument reads one YAML document of a kind, for an operation that does not apply it.
func readDocument(e *env, file string, kind admin.Kind) (admin.Document, error) {
	document, err := oneDocument(e, []string{file})
	if err != nil {
		return nil, err
	}
	if found, _ := document.Text("kind"); found != string(kind) {
		return nil, document.Problem("kind", fmt.Sprintf("is %q: a %s is expected", found, kind))
	}
	return document.JSON()
}
