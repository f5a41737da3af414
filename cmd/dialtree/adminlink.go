package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

func newAdminCommand(e *env) *cobra.Command {
	return group("admin", "Let administrators in", newAdminLinkCommand(e))
}

func newAdminLinkCommand(e *env) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "link [NAME]",
		Short: "Print a one-time link by which an administrator sets a password",
		Long: `Link prints a link to the page, by which whoever opens it first sets the password of
administrator NAME and is signed in; without NAME, he makes a new administrator. It
holds for a day and voids the link of before. This is the way back in when a password
was lost: the command needs no more than the socket in the data directory.`,
		Example: `  dialtree admin link
  dialtree admin link alice`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := e.client()
			if err != nil {
				return err
			}
			name := ""
			if len(args) == 1 {
				name = args[0]
			}
			link, err := client.NewLink(c.Context(), name)
			if err != nil {
				return err
			}
			if output == "json" {
				return writeJSON(e.stdout, link)
			}
			_, err = fmt.Fprintf(e.stdout, "%s\nIt works once, until %s.\n", link.URL, link.Expires.Local().Format(time.DateTime))
			return err
		},
	}
	outputFlag(c, &output, "text", "json")
	return c
}
