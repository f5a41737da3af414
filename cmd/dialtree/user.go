package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/terminal"
)

func newUserCommand(e *env) *cobra.Command {
	return group("user", "Change how users log in, which a sync leaves alone, and see how they did",
		newPasswdCommand(e), newEnableCommand(e, "enable", true), newEnableCommand(e, "disable", false), newUserAuthCommand(e),
		newUserBulkCommand(e), newUserLoginsCommand(e))
}

func newPasswdCommand(e *env) *cobra.Command {
	var fromStdin bool
	c := &cobra.Command{
		Use:   "passwd NAME",
		Short: "Set a user's internal password",
		Long: `Passwd sets the password of a user whose password is kept here (login method
internal; a user without a method gets it). It is asked for twice, or read from the
first line of standard input.`,
		Example: `  dialtree user passwd alice
  echo "$PASSWORD" | dialtree user passwd alice --password-stdin`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFirst(e, namesOf("user")),
		RunE: func(c *cobra.Command, args []string) error {
			password, err := readPassword(c, e, "New password of "+args[0], fromStdin)
			if err != nil {
				return err
			}
			if !fromStdin {
				again, err := readPassword(c, e, "Again", false)
				if err != nil {
					return err
				}
				if again != password {
					return errors.New("the two passwords differ: nothing was changed")
				}
			}
			client, err := e.client()
			if err != nil {
				return err
			}
			if err := client.SetPassword(c.Context(), args[0], password); err != nil {
				return err
			}
			fmt.Fprintf(e.stdout, "password of %s set\n", terminal.Printable(args[0]))
			return nil
		},
	}
	c.Flags().BoolVar(&fromStdin, "password-stdin", false, "read the password from standard input")
	return c
}

func newEnableCommand(e *env, verb string, enabled bool) *cobra.Command {
	short := "Refuse a user's logins, whatever the directory says"
	if enabled {
		short = "Allow a disabled user's logins again"
	}
	return &cobra.Command{
		Use:               verb + " NAME",
		Short:             short,
		Example:           "  dialtree user " + verb + " alice",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFirst(e, namesOf("user")),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := e.client()
			if err != nil {
				return err
			}
			if err := client.SetEnabled(c.Context(), args[0], enabled); err != nil {
				return err
			}
			fmt.Fprintf(e.stdout, "%sd user %s\n", verb, terminal.Printable(args[0]))
			return nil
		},
	}
}

func newUserAuthCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "auth NAME METHOD [UPSTREAM]",
		Short: "Choose how a user logs in: upstream, internal or none",
		Example: `  dialtree user auth alice upstream corp
  dialtree user auth alice internal      # then: dialtree user passwd alice
  dialtree user auth alice none`,
		Args:              cobra.RangeArgs(2, 3),
		ValidArgsFunction: completeUserAuth(e),
		RunE: func(c *cobra.Command, args []string) error {
			auth := admin.NewAuth{Method: args[1]}
			switch {
			case args[1] != "upstream" && args[1] != "internal" && args[1] != "none":
				return usagef(c, "%q is no login method; the methods are upstream, internal and none", args[1])
			case args[1] == "upstream" && len(args) < 3:
				return usagef(c, "name the upstream too, such as `dialtree user auth %s upstream corp`", args[0])
			case args[1] != "upstream" && len(args) == 3:
				return usagef(c, "the method %s takes no upstream", args[1])
			case len(args) == 3:
				auth.Upstream = args[2]
			}
			client, err := e.client()
			if err != nil {
				return err
			}
			if err := client.SetAuth(c.Context(), args[0], auth); err != nil {
				return err
			}
			fmt.Fprintf(e.stdout, "user %s logs in by %s\n", terminal.Printable(args[0]), authCell(map[string]any{"method": auth.Method, "upstream": optional(auth.Upstream)}))
			return nil
		},
	}
}

// completeUserAuth completes NAME METHOD UPSTREAM.
func completeUserAuth(e *env) completer {
	users, upstreams := complete(e, namesOf("user")), complete(e, namesOf("upstream"))
	return func(c *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
		switch len(args) {
		case 0:
			return users(c, args, begin)
		case 1:
			return beginning(loginMethods(), begin), cobra.ShellCompDirectiveNoFileComp
		}
		return upstreams(c, args, begin)
	}
}

// optional returns nil for an empty text.
func optional(text string) any {
	if text == "" {
		return nil
	}
	return text
}
