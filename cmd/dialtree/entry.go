package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/terminal"
)

func newEntryCommand(e *env) *cobra.Command {
	return group("entry", "See where values come from, and undo what was changed by hand",
		newOriginCommand(e), newGiveBackCommand(e))
}

func newOriginCommand(e *env) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "origin KIND NAME",
		Short: "Print where an entry and each of its values come from",
		Example: `  dialtree entry origin user alice
  dialtree entry origin speeddial 101 -o json`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completeKindAndName(e),
		RunE: func(c *cobra.Command, args []string) error {
			kind, err := parseEntryKind(c, args[0])
			if err != nil {
				return err
			}
			client, err := e.client()
			if err != nil {
				return err
			}
			origin, err := client.Origin(c.Context(), kind, args[1])
			if err != nil {
				return err
			}
			if isData(output) {
				return writeData(e.stdout, output, origin)
			}
			return writeOrigin(e, output, origin)
		},
	}
	outputFlag(c, &output, "table", "json", "yaml", "csv")
	return c
}

func parseEntryKind(c *cobra.Command, word string) (admin.Kind, error) {
	kind, err := parseKind(c, word)
	if err != nil {
		return "", err
	}
	if _, isEntry := kind.Entry(); !isEntry {
		return "", usagef(c, "%s is no kind of entry; entries are users, contacts and speed dials", kind)
	}
	return kind, nil
}

func writeOrigin(e *env, output string, o *admin.Origin) error {
	if output == "table" {
		writeFacts(e, originFacts(o))
	}
	l := lister[admin.OriginValue]{
		header: []string{"FIELD", "FROM", "VALUES"},
		row:    func(v admin.OriginValue) []any { return []any{v.Field, v.From, strings.Join(v.Values, ", ")} },
	}
	return l.write(e, output, o.Values)
}

func originFacts(o *admin.Origin) []fact {
	made := "by hand"
	if o.Connector != "" {
		made = "by connector " + o.Connector
	}
	facts := []fact{{"id", o.ID}, {"dn", o.DN}, {"made", made}, {"key", o.Key}, {"created", personTime(o.Created)}, {"modified", personTime(o.Modified)}}
	if o.Removed != nil {
		facts = append(facts, fact{"removed", "the source has it no more since " + personTime(*o.Removed)})
	}
	if o.LocalAuth {
		facts = append(facts, fact{"login", "set by hand: a sync leaves it alone"})
	}
	return facts
}

// A fact is a value with its name, for people.
type fact struct{ name, value string }

// writeFacts writes facts line by line, those that have a value.
func writeFacts(e *env, facts []fact) {
	wide := 0
	for _, f := range facts {
		if f.value != "" {
			wide = max(wide, len(f.name))
		}
	}
	for _, f := range facts {
		if f.value != "" {
			fmt.Fprintf(e.stdout, "%-*s %s\n", wide+1, f.name+":", terminal.Printable(f.value))
		}
	}
}

func newGiveBackCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "give-back KIND NAME [FIELD...]",
		Short: "Let the next sync decide again about what was changed by hand",
		Long: `Give-back forgets that fields of a connector's entry were changed by hand, so that its
next run sets them again: the named fields, auth for the login method, or without any
all of them.`,
		Example: `  dialtree entry give-back user alice phone
  dialtree entry give-back user alice auth
  dialtree entry give-back user alice`,
		Args:              cobra.MinimumNArgs(2),
		ValidArgsFunction: completeKindAndName(e),
		RunE: func(c *cobra.Command, args []string) error {
			kind, err := parseEntryKind(c, args[0])
			if err != nil {
				return err
			}
			client, err := e.client()
			if err != nil {
				return err
			}
			if err := client.GiveBack(c.Context(), kind, args[1], args[2:]); err != nil {
				return err
			}
			what := "all fields"
			if len(args) > 2 {
				what = strings.Join(args[2:], ", ")
			}
			fmt.Fprintf(e.stdout, "gave %s of %s %s back to its connector\n", terminal.Printable(what), kind, terminal.Printable(args[1]))
			return nil
		},
	}
}
