package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/csvcell"
)

// A lister is a command that prints a list: a table for people; JSON, YAML and CSV for programs.
type lister[T any] struct {
	command cobra.Command // without what it does
	header  []string
	// row returns the cells of an item: texts, numbers, truths, and times, which people read in their own zone.
	row   func(T) []any
	fetch func(ctx context.Context, client *admin.Client, args []string) ([]T, error)
}

func newListCommand[T any](e *env, l lister[T]) *cobra.Command {
	var output string
	c := &l.command
	c.RunE = func(c *cobra.Command, args []string) error {
		client, err := e.client()
		if err != nil {
			return err
		}
		items, err := l.fetch(c.Context(), client, args)
		if err != nil {
			return err
		}
		return l.write(e, output, items)
	}
	outputFlag(c, &output, "table", "json", "yaml", "csv")
	return c
}

// countFlag adds a flag for how many things are wanted, from 1 to most. The command's output form has been added before.
func countFlag(c *cobra.Command, into *int, name, things string, fallback, most int) {
	c.Flags().IntVar(into, name, fallback, "how many `"+things+"`, up to "+strconv.Itoa(most))
	checkForm := c.PreRunE
	c.PreRunE = func(c *cobra.Command, args []string) error {
		if *into < 1 || *into > most {
			return usagef(c, "--%s must be from 1 to %d", name, most)
		}
		return checkForm(c, args)
	}
}

func (l *lister[T]) write(e *env, form string, items []T) error {
	if items == nil {
		items = []T{} // an empty list is [], not null
	}
	switch form {
	case "csv":
		return writeRecords(e.stdout, l.header, items, l.row)
	case "table":
		rows := make([][]string, len(items))
		for i, item := range items {
			rows[i] = texts(l.row(item), personTime)
		}
		return writeTable(e, l.header, rows)
	}
	return writeData(e.stdout, form, items)
}

// writeRecords writes a list as CSV. The names of its columns are those of the table, as JSON would have them.
func writeRecords[T any](w io.Writer, header []string, items []T, row func(T) []any) error {
	names := make([]string, len(header))
	for i, h := range header {
		names[i] = strings.ReplaceAll(strings.ToLower(h), " ", "_")
	}
	out := csv.NewWriter(w)
	if err := out.Write(names); err != nil {
		return err
	}
	for _, item := range items {
		record := texts(row(item), programTime)
		for i := range record {
			record[i] = csvcell.Escape(record[i])
		}
		if err := out.Write(record); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// texts writes the cells of a row. No time is no text.
func texts(cells []any, at func(time.Time) string) []string {
	out := make([]string, len(cells))
	for i, c := range cells {
		switch v := c.(type) {
		case time.Time:
			out[i] = at(v)
		case *time.Time:
			if v != nil {
				out[i] = at(*v)
			}
		case bool:
			if v {
				out[i] = "yes"
			}
		default:
			out[i] = fmt.Sprint(v)
		}
	}
	return out
}

// personTime writes a time as a person reads it.
func personTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// programTime writes a time as a program reads it.
func programTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}
