package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "write docs/commands.md")

// TestCommandsDocument: docs/commands.md says what the help says.
func TestCommandsDocument(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "commands.md")
	want := commandsDocument(newRootCommand(&env{}))
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, []byte(want)) {
		t.Error("docs/commands.md is not what the commands say: run `make docs`")
	}
}

// commandsDocument writes the help of all commands as Markdown.
func commandsDocument(root *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Commands\n\n%s\n\nWritten by `make docs` from what `--help` says. Every command takes these flags:\n\n%s\n", root.Long, fenced(root.PersistentFlags()))
	for _, g := range root.Groups() {
		fmt.Fprintf(&b, "## %s\n\n", strings.TrimSuffix(g.Title, ":"))
		for _, c := range root.Commands() {
			if c.GroupID == g.ID && c.Name() != "help" && c.Name() != "completion" {
				documentCommand(&b, c)
			}
		}
	}
	b.WriteString("## Completion\n\n`dialtree completion bash`, `zsh`, `fish` or `powershell` prints a script for the shell; its `--help` says where it goes.\n")
	return b.String()
}

func documentCommand(b *strings.Builder, c *cobra.Command) {
	if c.Runnable() && (!c.HasSubCommands() || c.Example != "") {
		fmt.Fprintf(b, "### %s\n\n%s.\n\n", c.CommandPath(), c.Short)
		if c.Long != "" {
			fmt.Fprintf(b, "%s\n\n", c.Long)
		}
		fmt.Fprintf(b, "```\n%s\n```\n\n", c.UseLine())
		if c.Example != "" {
			fmt.Fprintf(b, "Examples:\n\n```\n%s\n```\n\n", c.Example)
		}
		if c.LocalFlags().HasAvailableFlags() {
			fmt.Fprintf(b, "Flags:\n\n%s\n", fenced(c.LocalFlags()))
		}
	}
	for _, sub := range c.Commands() {
		documentCommand(b, sub)
	}
}

func fenced(flags *pflag.FlagSet) string { return "```\n" + flags.FlagUsages() + "```\n" }

// TestHelp: every command has a sentence, an example that names it, and a group at the top.
func TestHelp(t *testing.T) {
	root := newRootCommand(&env{})
	var look func(c *cobra.Command)
	look = func(c *cobra.Command) {
		if c.Short == "" {
			t.Errorf("%s does not say what it does", c.CommandPath())
		}
		if strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: its short text ends with a full stop, unlike the others", c.CommandPath())
		}
		if !c.HasSubCommands() && !strings.Contains(c.Example, c.CommandPath()) {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			look(sub)
		}
	}
	for _, c := range root.Commands() {
		if c.GroupID == "" {
			t.Errorf("%s is in no group", c.CommandPath())
		}
		look(c)
	}
}

// TestExamples: each line of an example is a command line that parses.
func TestExamples(t *testing.T) {
	var lines int
	var look func(c *cobra.Command)
	look = func(c *cobra.Command) {
		for line := range strings.Lines(c.Example) {
			line, _, _ = strings.Cut(strings.TrimSpace(line), " #")
			command, ok := strings.CutPrefix(line, "dialtree ")
			if !ok || strings.ContainsAny(command, "|<>$\"'") {
				continue
			}
			lines++
			root := newRootCommand(&env{})
			found, args, err := root.Find(strings.Fields(command))
			if err == nil {
				err = found.ParseFlags(args)
			}
			if err == nil && found.Args != nil {
				err = found.Args(found, found.Flags().Args())
			}
			if err != nil {
				t.Errorf("%s: example %q: %v", c.CommandPath(), line, err)
			}
		}
		for _, sub := range c.Commands() {
			look(sub)
		}
	}
	look(newRootCommand(&env{}))
	if lines < 60 {
		t.Errorf("only %d lines were checked", lines)
	}
}
