package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
)

func newPhonebookCommand(e *env) *cobra.Command {
	return group("phonebook", "Keep phonebooks tidy", newDuplicatesCommand(e))
}

// A duplicate is a contact that shares a number or a name with another.
type duplicate struct {
	by, value string
	contact   map[string]any
}

func newDuplicatesCommand(e *env) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "duplicates NAME",
		Short: "List contacts of a phonebook that share a number or a name",
		Example: `  dialtree phonebook duplicates customers
  dialtree phonebook duplicates customers -o csv`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFirst(e, namesOf("phonebook")),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := e.client()
			if err != nil {
				return err
			}
			found, err := client.Duplicates(c.Context(), args[0])
			if err != nil {
				return err
			}
			if isData(output) {
				return writeData(e.stdout, output, found)
			}
			return writeDuplicates(e, output, found)
		},
	}
	outputFlag(c, &output, "table", "json", "yaml", "csv")
	return c
}

func writeDuplicates(e *env, output string, found *admin.Duplicates) error {
	var list []duplicate
	for _, g := range found.Groups {
		for _, d := range g.Contacts {
			contact := map[string]any{}
			if err := json.Unmarshal(d, &contact); err != nil {
				return fmt.Errorf("read the server's answer: %w", err)
			}
			list = append(list, duplicate{g.By, g.Value, contact})
		}
	}
	l := lister[duplicate]{
		header: []string{"SAME", "VALUE", "NAME", "PHONE", "ORGANISATION", "CONNECTOR", "ID"},
		row: func(d duplicate) []any {
			row := []any{d.by, d.value}
			for _, key := range []string{"displayname", "phone", "organisation", "connector", "id"} {
				row = append(row, cell(key, d.contact[key]))
			}
			return row
		},
	}
	if err := l.write(e, output, list); err != nil || output == "csv" {
		return err
	}
	writeMore(e, found.More)
	return nil
}
