package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin/yamldoc"
)

// outputFlag adds -o with the forms that the command has; the first is the default.
func outputFlag(c *cobra.Command, into *string, forms ...string) {
	c.Flags().StringVarP(into, "output", "o", forms[0], "output `form`: "+strings.Join(forms, ", "))
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(forms, cobra.ShellCompDirectiveNoFileComp))
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		if !slices.Contains(forms, *into) {
			return usagef(c, "-o %s: the output forms are %s", *into, strings.Join(forms, ", "))
		}
		return nil
	}
}

// isData tells whether an output form is for programs.
func isData(form string) bool { return form == "json" || form == "yaml" }

// writeData writes a value in a form for programs.
func writeData(w io.Writer, form string, v any) error {
	if form == "yaml" {
		return writeYAML(w, v)
	}
	return writeJSON(w, v)
}

// writeJSON writes a value as indented JSON.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// writeLine writes a value as JSON in one line.
func writeLine(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// writeYAML writes a value as YAML, with the keys that its JSON has.
func writeYAML(w io.Writer, v any) error {
	document, err := json.Marshal(v)
	if err != nil {
		return err
	}
	text, err := yamldoc.FromJSON(document)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// count returns "1 thing" or "3 things".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
