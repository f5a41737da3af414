package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// run is the program: it executes one command line and returns the exit code.
func run(ctx context.Context, e *env, args []string) int {
	e.args = args
	root := newRootCommand(e)
	root.SetArgs(args)
	return exitCode(root.ExecuteContext(ctx), e.stderr)
}

func newRootCommand(e *env) *cobra.Command {
	root := &cobra.Command{
		Use:   "dialtree",
		Short: "Logins and phonebooks for phones, from the directory you have",
		Long: `Dialtree stands between phones, a PBX and your company's directory. It checks
logins against its own list of users and forwards them to the directory; connectors
keep that list up to date; phones search it for names and numbers.

Start with ` + "`dialtree demo`" + `. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 stopped by
a guard (look, then go on with --confirm).`,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          help,
	}
	root.SetIn(e.stdin)
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	flags := root.PersistentFlags()
	flags.StringVar(&e.configFile, "config", e.getenv("DIALTREE_CONFIG"), "configuration `file` of the server (DIALTREE_CONFIG)")
	flags.StringVar(&e.dataDir, "data-dir", e.getenv("DIALTREE_DATA_DIR"), "data `directory` of the server (DIALTREE_DATA_DIR; default the configuration's, or ./data)")
	addGroups(root, e)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return &usageError{c.CommandPath(), err} })
	checkUsage(root)
	return root
}

// addGroups adds the commands, in groups, so that who is new finds them.
func addGroups(root *cobra.Command, e *env) {
	for _, g := range []struct {
		id, title string
		commands  []*cobra.Command
	}{
		{"start", "Start:", []*cobra.Command{newDemoCommand(e), newServeCommand(e), newConfigCommand(e), newVersionCommand(e)}},
		{"look", "Look:", []*cobra.Command{newOverviewCommand(e), newTrendsCommand(e), newGetCommand(e), newLookupCommand(e), newAuthCommand(e), newPhoneCommand(e)}},
		{"change", "Change:", []*cobra.Command{newApplyCommand(e), newDeleteCommand(e), newEntryCommand(e), newUserCommand(e), newDeviceCommand(e), newPhonebookCommand(e), newExportCommand(e)}},
		{"import", "Import:", []*cobra.Command{newConnectorCommand(e), newImportCommand(e), newJobCommand(e)}},
		{"operate", "Operate:", []*cobra.Command{newUpstreamCommand(e), newClusterCommand(e), newThrottleCommand(e), newAdminCommand(e), newSessionCommand(e), newTokenCommand(e), newAuditCommand(e),
			newTopCommand(e), newTraceCommand(e), newPprofCommand(e), newSupportCommand(e), newLogCommand(e), newHealthCommand(e), newRestartCommand(e), newCertificatesCommand(e), newStoreCommand(e), newBackupCommand(e), newRestoreCommand(e), newCheckCommand(e)}},
	} {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, c := range g.commands {
			c.GroupID = g.id
		}
		root.AddCommand(g.commands...)
	}
	root.SetCompletionCommandGroupID("start")
	root.SetHelpCommandGroupID("start")
}

// checkUsage makes mistakes in the arguments of every command usage errors.
func checkUsage(c *cobra.Command) {
	switch {
	case c.Args == nil && c.HasSubCommands():
		c.Args = unknownSubcommand
	case c.Args != nil:
		check := c.Args
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return &usageError{c.CommandPath(), fmt.Errorf("%w; usage: %s", err, c.UseLine())}
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		checkUsage(sub)
	}
}

func unknownSubcommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	c.SuggestionsMinimumDistance = 2
	text := fmt.Sprintf("%s has no command %q", c.CommandPath(), args[0])
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		text += "; did you mean " + strings.Join(near, " or ") + "?"
	}
	return &usageError{c.CommandPath(), errors.New(text)}
}

// help is what a command does that only has subcommands.
func help(c *cobra.Command, _ []string) error { return c.Help() }

// group returns a command that only has subcommands.
func group(use, short string, subcommands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, RunE: help}
	c.AddCommand(subcommands...)
	return c
}

// usagef returns a usage error of a command.
func usagef(c *cobra.Command, format string, args ...any) error {
	return &usageError{c.CommandPath(), fmt.Errorf(format, args...)}
}
