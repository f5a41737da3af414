package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/admin/yamldoc"
)

// kindsOfAll are in the order in which an empty server can take them. Administrators and tokens are nothing without their
// secrets, which nobody is shown.
var kindsOfAll = [...]admin.Kind{"role", "upstream", "phonebook", "connector", "device", "user", "speeddial", "contact"}

// getAll prints what an empty server needs to become this one.
func getAll(c *cobra.Command, e *env, rest []string) error {
	if len(rest) > 0 {
		return usagef(c, "get all takes no name")
	}
	if f := c.Flags().Lookup("output"); f.Changed && f.Value.String() != "yaml" {
		return usagef(c, "get all is YAML")
	}
	client, err := e.client()
	if err != nil {
		return err
	}
	separator := ""
	for _, kind := range kindsOfAll {
		documents, err := client.List(c.Context(), kind, admin.ListOptions{})
		if err != nil {
			return err
		}
		_, isEntry := kind.Entry()
		for _, d := range documents {
			text, err := ownDocument(d, isEntry)
			if err != nil {
				return err
			}
			if text == nil {
				continue
			}
			if _, err := fmt.Fprintf(e.stdout, "%s%s", separator, text); err != nil {
				return err
			}
			separator = "---\n"
		}
	}
	return nil
}

// ownDocument is a document as YAML, without the ID, which another server does not know; nil for an entry that a connector made.
func ownDocument(d admin.Document, isEntry bool) ([]byte, error) {
	if !isEntry {
		return yamldoc.FromJSON(d)
	}
	var made struct {
		Connector string `json:"connector"`
	}
	if err := json.Unmarshal(d, &made); err != nil || made.Connector != "" {
		return nil, err
	}
	return yamldoc.FromJSON(d, "id")
}
