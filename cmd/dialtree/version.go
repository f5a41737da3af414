package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/store"
)

// buildVersion tells what was built, from what the Go tool noted in the binary.
func buildVersion() admin.Version {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return admin.Version{Version: "unknown"}
	}
	v := admin.Version{Version: info.Main.Version, Go: info.GoVersion}
	modified := ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				modified = "+changes"
			}
		}
	}
	if v.Commit != "" {
		v.Commit += modified
	}
	if v.Version == "" {
		v.Version = "(devel)"
	}
	return v
}

func newVersionCommand(e *env) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:     "version",
		Short:   "Print which dialtree this is",
		Example: "  dialtree version\n  dialtree version -o json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := buildVersion()
			if isData(output) {
				return writeData(e.stdout, output, struct {
					admin.Version
					Schema int `json:"schema"`
				}{v, store.SchemaVersion()})
			}
			fmt.Fprintf(e.stdout, "dialtree %s\n", v.Version)
			if v.Commit != "" {
				fmt.Fprintf(e.stdout, "commit %s\n", v.Commit)
			}
			fmt.Fprintf(e.stdout, "store schema %d\n%s\n", store.SchemaVersion(), v.Go)
			return nil
		},
	}
	outputFlag(c, &output, "text", "json", "yaml")
	return c
}
