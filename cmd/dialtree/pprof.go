package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
)

func newPprofCommand(e *env) *cobra.Command {
	var file string
	var seconds int
	c := &cobra.Command{
		Use:   "pprof PROFILE",
		Short: "Write a profile of the running server, for `go tool pprof`",
		Long: `Pprof writes what the server spends its time or memory on: ` + strings.Join(admin.Profiles(), ", ") + `.
A cpu profile takes --seconds; for the others --seconds asks for what changes meanwhile.
Profiles hold names of functions and counts, no passwords, names or numbers. They are to be
had over the server's socket only, and taking one is in the audit log. Read one with
` + "`go tool pprof -top FILE`" + `.`,
		Example: `  dialtree pprof cpu --seconds 10 -f cpu.pprof
  dialtree pprof heap -f heap.pprof`,
		Args: func(c *cobra.Command, args []string) error {
			if err := cobra.ExactArgs(1)(c, args); err != nil {
				return err
			}
			if !slices.Contains(admin.Profiles(), args[0]) {
				return usagef(c, "there is no profile %q: there are %s", args[0], strings.Join(admin.Profiles(), ", "))
			}
			return nil
		},
		ValidArgs: admin.Profiles(),
		RunE: func(c *cobra.Command, args []string) error {
			if seconds < 0 || seconds > 300 {
				return usagef(c, "--seconds must be from 0 to 300")
			}
			if args[0] == "cpu" && seconds == 0 {
				seconds = 10
			}
			if file == "" {
				file = args[0] + ".pprof"
			}
			client, err := e.client()
			if err != nil {
				return err
			}
			download, err := client.Profile(c.Context(), args[0], seconds)
			if err != nil {
				return err
			}
			return e.receive(download, file)
		},
	}
	c.Flags().StringVarP(&file, "file", "f", "", "`file` to write, - for standard output; default PROFILE.pprof")
	c.Flags().IntVar(&seconds, "seconds", 0, "for how long; default 10 for cpu, otherwise all since the start")
	return c
}
