package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/terminal"
)

func newDeleteCommand(e *env) *cobra.Command {
	var o admin.DeleteOptions
	c := &cobra.Command{
		Use:   "delete KIND NAME",
		Short: "Delete one object or entry",
		Long: `Delete removes one upstream, connector, phonebook, device, user, speed dial or
contact. What something still refers to is not removed: the message says what does.
A user or contact of a connector comes back with its next run.`,
		Example: `  dialtree delete upstream corp
  dialtree delete user alice
  dialtree delete phonebook customers --force    # with its contacts
  dialtree delete user alice --if-match "$etag"  # only as long as nobody changed it`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completeKindAndName(e),
		RunE: func(c *cobra.Command, args []string) error {
			kind, err := parseKind(c, args[0])
			if err != nil {
				return err
			}
			return deleteDocument(c.Context(), e, kind, args[1], o)
		},
	}
	c.Flags().StringVar(&o.IfMatch, "if-match", "", "only when the document still has this `tag`, which get --show-tag prints")
	c.Flags().BoolVar(&o.Force, "force", false, "a phonebook with its contacts; a connector although entries belong to it: they stay, made by hand")
	return c
}

func deleteDocument(ctx context.Context, e *env, kind admin.Kind, name string, o admin.DeleteOptions) error {
	client, err := e.client()
	if err != nil {
		return err
	}
	if err := client.Delete(ctx, kind, name, o); err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "deleted %s %s\n", kind, terminal.Printable(name))
	return nil
}

func parseKind(c *cobra.Command, word string) (admin.Kind, error) {
	kind, ok := admin.ParseKind(word)
	if !ok {
		return "", usagef(c, "%q is no kind; the kinds are %s", word, strings.Join(kindNames(), ", "))
	}
	return kind, nil
}

func kindNames() []string {
	var names []string
	for _, k := range admin.Kinds() {
		names = append(names, string(k))
	}
	return names
}
