package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/terminal"
)

func newUpstreamCommand(e *env) *cobra.Command {
	return group("upstream", "Look at the directories that check passwords", newUpstreamTestCommand(e))
}

func newUpstreamTestCommand(e *env) *cobra.Command {
	var file, output string
	c := &cobra.Command{
		Use:   "test NAME | test -f FILE",
		Short: "Connect to each server of an upstream and print what happened",
		Long: `Test connects to each server of an upstream and prints each step with its time: the
name, the connection, TLS, an answer. With -f it is the upstream of a file that is not
applied yet. No password is tried: ` + "`dialtree auth test`" + ` does that. Exit code 0: every
server answered.`,
		Example: `  dialtree upstream test corp
  dialtree upstream test -f upstream.yaml`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeFirst(e, namesOf("upstream")),
		RunE: func(c *cobra.Command, args []string) error {
			if (len(args) == 1) == (file != "") {
				return usagef(c, "name an upstream, or a file with -f")
			}
			client, err := e.client()
			if err != nil {
				return err
			}
			document, err := upstreamToTest(c.Context(), e, client, args, file)
			if err != nil {
				return err
			}
			test, err := client.TestUpstream(c.Context(), document)
			if err != nil {
				return err
			}
			if isData(output) {
				err = writeData(e.stdout, output, test)
			} else {
				writeUpstreamTest(e, test)
			}
			if err == nil && !allAnswered(test) {
				err = errFailed
			}
			return err
		},
	}
	c.Flags().StringVarP(&file, "file", "f", "", "YAML `file` of one upstream, or - for standard input")
	outputFlag(c, &output, "text", "json", "yaml")
	return c
}

func upstreamToTest(ctx context.Context, e *env, client *admin.Client, args []string, file string) (admin.Document, error) {
	if file != "" {
		return readDocument(e, file, "upstream")
	}
	return client.Get(ctx, "upstream", args[0])
}

func allAnswered(test *admin.UpstreamTest) bool {
	for _, s := range test.Servers {
		if !s.OK {
			return false
		}
	}
	return true
}

func writeUpstreamTest(e *env, test *admin.UpstreamTest) {
	for _, s := range test.Servers {
		fmt.Fprintln(e.stdout, terminal.Printable(s.URL))
		writeSteps(e, s.Steps)
	}
	if test.Example != "" {
		fmt.Fprintf(e.stdout, "alice binds as %s\n", terminal.Printable(test.Example))
	}
}
