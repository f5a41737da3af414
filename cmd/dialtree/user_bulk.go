package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
)

// A userChoice is which users a bulk change is about: exactly one way of naming them is given.
type userChoice struct {
	names []string
	file  string
	list  admin.ListOptions
}

func newUserBulkCommand(e *env) *cobra.Command {
	return group("bulk", "Change many users in one step: all of them, or none",
		newBulkAuthCommand(e), newBulkEnableCommand(e, "enable", false), newBulkEnableCommand(e, "disable", true))
}

func newBulkAuthCommand(e *env) *cobra.Command {
	var auth admin.NewAuth
	c := newBulkCommand(e, cobra.Command{
		Use:   "auth METHOD [NAME...]",
		Short: "Choose how many users log in: upstream, internal or none",
		Long: `Bulk auth gives all users that are named, that a file names (one login name a line; "-"
is standard input), or that --query, --connector, --group and --has-method select the
same login method. It tells how many would change first, with --dry-run.`,
		Example: `  dialtree user bulk auth upstream --upstream corp alice bob
  dialtree user bulk auth upstream --upstream corp --connector staff --dry-run
  dialtree user bulk auth none --from leavers.txt`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeMethodAndUsers(e),
	}, func(c *cobra.Command, args []string) (admin.Bulk, []string, error) {
		auth.Method = args[0]
		return admin.Bulk{Auth: &auth}, args[1:], checkAuth(c, auth)
	})
	c.Flags().StringVar(&auth.Upstream, "upstream", "", "the upstream that checks the passwords")
	completeFlag(c, "upstream", complete(e, namesOf("upstream")))
	return c
}

func newBulkEnableCommand(e *env, verb string, disabled bool) *cobra.Command {
	short := "Allow the logins of many users again"
	if disabled {
		short = "Refuse the logins of many users, whatever the directory says"
	}
	return newBulkCommand(e, cobra.Command{
		Use:   verb + " [NAME...]",
		Short: short,
		Example: "  dialtree user bulk " + verb + " alice bob\n" +
			"  dialtree user bulk " + verb + " --group interns --dry-run",
		ValidArgsFunction: complete(e, namesOf("user")),
	}, func(_ *cobra.Command, args []string) (admin.Bulk, []string, error) {
		return admin.Bulk{Disabled: &disabled}, args, nil
	})
}

// newBulkCommand completes a command that changes many users. read makes the change of the arguments, and
// returns those that name users.
func newBulkCommand(e *env, command cobra.Command, read func(c *cobra.Command, args []string) (admin.Bulk, []string, error)) *cobra.Command {
	var choice userChoice
	var dryRun bool
	var output string
	c := &command
	c.RunE = func(c *cobra.Command, args []string) error {
		bulk, names, err := read(c, args)
		if err != nil {
			return err
		}
		choice.names = names
		if choice.ways() != 1 {
			return usagef(c, "say which users in one way: name them, or --from FILE, or --query, --connector, --group and --has-method")
		}
		client, err := e.client()
		if err != nil {
			return err
		}
		bulk.DryRun = dryRun
		if bulk.Users, err = choice.users(c.Context(), e, client); err != nil {
			return err
		}
		result, err := client.ChangeUsers(c.Context(), bulk)
		if err != nil {
			return err
		}
		if isData(output) {
			return writeData(e.stdout, output, result)
		}
		return writeBulk(e, result, dryRun)
	}
	choice.flags(e, c)
	c.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be done, and do nothing")
	outputFlag(c, &output, "text", "json", "yaml")
	return c
}

// flags adds the flags that name users.
func (u *userChoice) flags(e *env, c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&u.file, "from", "", "`file` with a login name a line, or - for standard input")
	flags.StringVar(&u.list.Query, "query", "", "users that have these words")
	flags.StringVar(&u.list.Connector, "connector", "", "users that this connector made")
	flags.StringVar(&u.list.Group, "group", "", "users of this group")
	flags.StringVar(&u.list.Method, "has-method", "", "users with this login method")
	completeFlag(c, "connector", complete(e, connectorNames))
	completeFlag(c, "has-method", cobra.FixedCompletions(loginMethods(), cobra.ShellCompDirectiveNoFileComp))
}

// loginMethods are how a user can log in.
func loginMethods() []string { return []string{"upstream", "internal", "none"} }

// checkAuth refuses a login method that makes no sense.
func checkAuth(c *cobra.Command, auth admin.NewAuth) error {
	switch {
	case auth.Method != "upstream" && auth.Method != "internal" && auth.Method != "none":
		return usagef(c, "%q is no login method; the methods are upstream, internal and none", auth.Method)
	case auth.Method == "upstream" && auth.Upstream == "":
		return usagef(c, "name the upstream too, with --upstream")
	case auth.Method != "upstream" && auth.Upstream != "":
		return usagef(c, "the method %s takes no upstream", auth.Method)
	}
	return nil
}

// ways counts the ways in which users are named.
func (u *userChoice) ways() int {
	ways := 0
	for _, given := range []bool{len(u.names) > 0, u.file != "", u.list != admin.ListOptions{}} {
		if given {
			ways++
		}
	}
	return ways
}

// users returns the login names that are meant.
func (u *userChoice) users(ctx context.Context, e *env, client *admin.Client) ([]string, error) {
	switch {
	case len(u.names) > 0:
		return u.names, nil
	case u.file != "":
		return readNames(e, u.file)
	}
	documents, err := client.List(ctx, "user", u.list)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(documents))
	for i, d := range documents {
		var user struct{ Username string }
		if err := json.Unmarshal(d, &user); err != nil {
			return nil, fmt.Errorf("read the server's answer: %w", err)
		}
		names[i] = user.Username
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no user is selected: `dialtree get users` with the same flags shows whom they select")
	}
	return names, nil
}

// readNames reads a name a line; empty lines and those that begin with # are left out.
func readNames(e *env, file string) ([]string, error) {
	shown, text, err := readFile(e, file, maxApply)
	if err != nil {
		return nil, err
	}
	var names []string
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if name := strings.TrimSpace(lines.Text()); name != "" && name[0] != '#' {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s names nobody: write a login name a line", shown)
	}
	return names, nil
}

func writeBulk(e *env, r *admin.BulkResult, dryRun bool) error {
	if len(r.Skipped) > 0 {
		l := lister[admin.SkippedUser]{
			header: []string{"LEFT ALONE", "BECAUSE"},
			row:    func(s admin.SkippedUser) []any { return []any{s.User, s.Reason} },
		}
		if err := l.write(e, "table", r.Skipped); err != nil {
			return err
		}
	}
	verb := "changed"
	if dryRun {
		verb = "to be changed (dry run)"
	}
	_, err := fmt.Fprintf(e.stdout, "%s %s, %d as they were, %d left alone\n", count(r.Changed, "user"), verb, r.Unchanged, len(r.Skipped))
	return err
}

// completeMethodAndUsers completes METHOD NAME...
func completeMethodAndUsers(e *env) completer {
	users := complete(e, namesOf("user"))
	return func(c *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return beginning(loginMethods(), begin), cobra.ShellCompDirectiveNoFileComp
		}
		return users(c, args, begin)
	}
}
