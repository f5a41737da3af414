package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/terminal"
)

// followEvery is how often a followed log is asked for.
const followEvery = time.Second

func newLogCommand(e *env) *cobra.Command {
	var o admin.LogOptions
	var output string
	var follow bool
	c := &cobra.Command{
		Use:   "log",
		Short: "Print the last lines of the server's log",
		Long: `Log prints what the server logged lately, the oldest first; -o json prints an object a
line. With --follow it goes on until Ctrl-C.`,
		Example: `  dialtree log --level warn
  dialtree log --follow --query staff
  dialtree log -o json --limit 1000`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.Level = strings.ToUpper(o.Level)
			switch o.Level {
			case "", "DEBUG", "INFO", "WARN", "ERROR":
			default:
				return usagef(c, "--level %s: the levels are debug, info, warn and error", o.Level)
			}
			client, err := e.client()
			if err != nil {
				return err
			}
			return writeLog(c.Context(), e, client, o, output, follow)
		},
	}
	c.Flags().BoolVar(&follow, "follow", false, "go on with what is logged from now on")
	c.Flags().StringVar(&o.Level, "level", "", "this `level` and worse: debug, info, warn or error")
	c.Flags().StringVar(&o.Query, "query", "", "lines that have these words")
	completeFlag(c, "level", cobra.FixedCompletions([]string{"debug", "info", "warn", "error"}, cobra.ShellCompDirectiveNoFileComp))
	outputFlag(c, &output, "text", "json")
	countFlag(c, &o.Limit, "limit", "lines", 200, 1000)
	return c
}

func writeLog(ctx context.Context, e *env, client *admin.Client, o admin.LogOptions, output string, follow bool) error {
	for {
		records, err := client.Log(ctx, o)
		if err != nil {
			return ended(ctx, follow, err)
		}
		for _, r := range records {
			o.After = r.N
			if err := writeLogRecord(e, output, r); err != nil {
				return err
			}
		}
		if !follow {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followEvery):
		}
	}
}

// ended makes Ctrl-C the end of following, not a failure.
func ended(ctx context.Context, follow bool, err error) error {
	if follow && ctx.Err() != nil {
		return nil
	}
	return err
}

func writeLogRecord(e *env, output string, r admin.LogRecord) error {
	if output == "json" {
		return writeLine(e.stdout, r)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s", personTime(r.At), e.terminal().Paint(terminal.StateColour(r.Level), fmt.Sprintf("%-5s", terminal.Printable(r.Level))), terminal.Printable(r.Message))
	for _, a := range r.Attrs {
		fmt.Fprintf(&b, " %s=%s", terminal.Printable(a.Key), quoted(a.Value))
	}
	b.WriteByte('\n')
	_, err := io.WriteString(e.stdout, b.String())
	return err
}

// quoted puts a value with blanks in quotes.
func quoted(value string) string {
	value = terminal.Printable(value)
	if value == "" || strings.ContainsAny(value, " \"=") {
		return strconv.Quote(value)
	}
	return value
}
