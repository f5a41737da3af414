package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin/yamldoc"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/config"
)

func newConfigCommand(e *env) *cobra.Command {
	return group("config", "Look at the configuration of the server", newConfigCheckCommand(e), newConfigShowCommand(e))
}

func newConfigCheckCommand(e *env) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Print every mistake of a configuration",
		Long: `Check reads a configuration as ` + "`dialtree serve`" + ` would, with the DIALTREE_ variables that
are set, and prints every mistake in one line: file, line, key, what to do. Without
FILE it is that of --config.

Every key can be set by a variable: DIALTREE_ and the path of the key in capitals, such
as DIALTREE_LDAP_LISTEN; lists are written with commas.`,
		Example: "  dialtree config check /etc/dialtree.yaml",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			path := e.configFile
			if len(args) == 1 {
				path = args[0]
			}
			cfg, err := readConfig(e, path)
			if err == nil {
				_, err = cfg.EtcdPassword()
			}
			if isData(output) {
				return writeCheckData(e.stdout, output, cfg, err)
			}
			if err != nil {
				fmt.Fprintln(e.stdout, err)
				return errFailed
			}
			for _, w := range cfg.Warnings {
				fmt.Fprintf(e.stdout, "warning: %v\n", w)
			}
			if path == "" {
				path = "the default configuration"
			}
			fmt.Fprintf(e.stdout, "%s: fine\n%s", path, listening(cfg))
			return nil
		},
	}
	outputFlag(c, &output, "text", "json", "yaml")
	return c
}

// listening says where a server with this configuration listens.
func listening(c *config.Config) string {
	var b strings.Builder
	for _, l := range []struct {
		what      string
		addresses []string
	}{
		{"LDAP", c.LDAP.Listen}, {"LDAPS", c.LDAP.ListenTLS}, {"admin", config.Addresses{c.Admin.Listen}},
	} {
		if addresses := strings.Join(l.addresses, ", "); addresses != "" {
			fmt.Fprintf(&b, "  %-6s %s\n", l.what, addresses)
		}
	}
	return b.String()
}

func writeCheckData(w io.Writer, form string, c *config.Config, err error) error {
	type line struct {
		File    string `json:"file,omitempty"`
		Line    int    `json:"line,omitempty"`
		Key     string `json:"key,omitempty"`
		Message string `json:"message"`
	}
	lines := func(ps yamldoc.Problems) []line {
		out := []line{}
		for _, p := range ps {
			out = append(out, line{p.File, p.Line, p.Path, p.Message})
		}
		return out
	}
	var mistakes yamldoc.Problems
	errors.As(err, &mistakes)
	result := struct {
		Problems []line `json:"problems"`
		Warnings []line `json:"warnings"`
	}{lines(mistakes), []line{}}
	if c != nil {
		result.Warnings = lines(c.Warnings)
	}
	if werr := writeData(w, form, result); werr != nil {
		return werr
	}
	if err != nil {
		return errFailed
	}
	return nil
}
