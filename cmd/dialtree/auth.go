package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/terminal"
)

func newAuthCommand(e *env) *cobra.Command {
	return group("auth", "Find out why a login works or does not", newAuthTestCommand(e))
}

func newAuthTestCommand(e *env) *cobra.Command {
	var fromStdin bool
	var output string
	c := &cobra.Command{
		Use:   "test USER",
		Short: "Try a login and print what happened at each step",
		Long: `Test does what a phone's login does and prints each step with the time it took: found
here, login method, the name that went to the directory, the server, its answer, and
what a code of Active Directory means. A wrong password counts at the directory like
any other. Exit code 0: accepted; 1: anything else.

The password is asked for, or read from the first line of standard input.`,
		Example: `  dialtree auth test alice
  echo "$PASSWORD" | dialtree auth test alice@example.com --password-stdin`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFirst(e, namesOf("user")),
		RunE: func(c *cobra.Command, args []string) error {
			password, err := readPassword(c, e, "Password of "+args[0], fromStdin)
			if err != nil {
				return err
			}
			client, err := e.client()
			if err != nil {
				return err
			}
			test, err := client.TestLogin(c.Context(), args[0], password)
			if err != nil {
				return err
			}
			if isData(output) {
				err = writeData(e.stdout, output, test)
			} else {
				writeLoginTest(e, test)
			}
			if err == nil && test.Outcome != "accepted" {
				err = errFailed
			}
			return err
		},
	}
	c.Flags().BoolVar(&fromStdin, "password-stdin", false, "read the password from standard input")
	outputFlag(c, &output, "text", "json", "yaml")
	return c
}

func writeLoginTest(e *env, t *admin.LoginTest) {
	writeSteps(e, t.Steps)
	outcome := e.terminal().Paint(terminal.StateColour(t.Outcome), t.Outcome)
	fmt.Fprintf(e.stdout, "%s: %s (a client gets %d %s)\n", terminal.Printable(t.Login), outcome, t.ResultCode, t.ResultName)
}

// writeSteps writes the steps of a test with the time that each took.
func writeSteps(e *env, steps []admin.LoginStep) {
	for _, s := range steps {
		mark := "ok"
		if !s.OK {
			mark = "FAIL"
		}
		blanks := strings.Repeat(" ", len("FAIL")-len(mark))
		fmt.Fprintf(e.stdout, "%s%s  %-9s %9s  %s\n", e.terminal().Paint(terminal.StateColour(mark), mark), blanks, s.Name, took(s.Duration), terminal.Printable(s.Detail))
	}
}

// took writes a duration so that steps compare at a glance: always in milliseconds.
func took(d time.Duration) string { return milliseconds(float64(d) / float64(time.Millisecond)) }

func milliseconds(ms float64) string { return fmt.Sprintf("%.2f ms", ms) }
