package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
)

func newStoreCommand(e *env) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:     "store",
		Short:   "Print how large the store is, and when it was last backed up",
		Example: "  dialtree store\n  dialtree store -o json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := e.client()
			if err != nil {
				return err
			}
			found, err := client.StoreFigures(c.Context())
			if err != nil {
				return err
			}
			if isData(output) {
				return writeData(e.stdout, output, found)
			}
			writeStore(e, found)
			return nil
		},
	}
	outputFlag(c, &output, "text", "json", "yaml")
	return c
}

func writeStore(e *env, s *admin.StoreFigures) {
	backup := "never by this server"
	if s.LastBackup != nil {
		backup = personTime(*s.LastBackup)
	}
	writeFacts(e, []fact{
		{"directory", s.Dir},
		{"size", mebibytes(s.Bytes)},
		{"disk free", mebibytes(s.DiskFree)},
		{"change", fmt.Sprint(s.Change)},
		{"entries", figures(s.Entries)},
		{"objects", figures(s.Objects)},
		{"last backup", backup},
	})
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
