package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
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
		Args: cobra.ExactArgs(1),
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
			if output == "json" {
				err = writeJSON(e.stdout, test)
			} else {
				writeLoginTest(e.stdout, test)
			}
			if err == nil && test.Outcome != "accepted" {
				err = errFailed
			}
			return err
		},
	}
	c.Flags().BoolVar(&fromStdin, "password-stdin", false, "read the password from standard input")
	outputFlag(c, &output, "text", "json")
	return c
}

func writeLoginTest(w io.Writer, t *admin.LoginTest) {
	for _, s := range t.Steps {
		mark := "ok  "
		if !s.OK {
			mark = "FAIL"
		}
		fmt.Fprintf(w, "%s  %-9s %9s  %s\n", mark, s.Name, took(s.Duration), printable(s.Detail))
	}
	fmt.Fprintf(w, "%s: %s (a client gets %d %s)\n", printable(t.Login), t.Outcome, t.ResultCode, t.ResultName)
}

// took writes a duration so that steps compare at a glance: always in milliseconds.
func took(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}
