package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/terminal"
)

func newTraceCommand(e *env) *cobra.Command {
	var output string
	var lasts time.Duration
	c := &cobra.Command{
		Use:   "trace USER|DEVICE|ADDRESS|NETWORK|all",
		Short: "Follow one user's or one address's requests live, in words",
		Long: `Trace shows what a user, a device, an address or a network asks from now on, as it
happens: connections and their TLS, each bind, search and comparison in words, each step
of a login with its time, and what the client was told, with the reason that only you see
beside it. It ends after --for, or with Ctrl-C.

No password is in it, in no form, and nothing of the content of messages that cannot be
understood. No login waits for it: what comes too fast is counted as lost. That you
followed, and whom, is in the audit log.`,
		Example: `  dialtree trace alice
  dialtree trace 192.0.2.17 --for 1m
  dialtree trace 192.0.2.0/24 -o json > phones.jsonl`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFirst(e, namesOf("user")),
		RunE: func(c *cobra.Command, args []string) error {
			if lasts < time.Second || lasts > time.Hour {
				return usagef(c, "--for %v: it must be from 1s to 1h", lasts)
			}
			client, err := e.client()
			if err != nil {
				return err
			}
			if output != "json" {
				fmt.Fprintf(e.stderr, "dialtree: following %s for %v; Ctrl-C ends it\n", args[0], lasts)
			}
			err = client.Trace(c.Context(), args[0], lasts, func(b *admin.TraceBatch) error { return writeTrace(e, output, b) })
			if c.Context().Err() != nil && errors.Is(err, c.Context().Err()) {
				return nil
			}
			return err
		},
	}
	c.Flags().DurationVar(&lasts, "for", 5*time.Minute, "how long, up to 1h")
	outputFlag(c, &output, "text", "json")
	return c
}

func writeTrace(e *env, output string, b *admin.TraceBatch) error {
	if b.Lost > 0 {
		fmt.Fprintf(e.stderr, "dialtree: %d events came too fast and are not shown\n", b.Lost)
	}
	var text strings.Builder
	for i := range b.Events {
		if output == "json" {
			if err := writeLine(&text, &b.Events[i]); err != nil {
				return err
			}
			continue
		}
		traceLine(&text, e.terminal(), &b.Events[i])
	}
	_, err := io.WriteString(e.stdout, text.String())
	return err
}

// traceLine writes an event as "12:00:00.123 #7 192.0.2.1:5060  > bind name=alice method=simple".
func traceLine(b *strings.Builder, to terminal.Terminal, event *admin.TraceEvent) {
	mark, colour := " ", terminal.Plain
	switch event.Kind {
	case "request":
		mark = ">"
	case "step":
		mark = "  ·"
	case "result":
		mark, colour = "<", terminal.Green
		if !strings.HasPrefix(attrOf(event, "code"), "0 ") {
			colour = terminal.Red
		}
	case "malformed":
		mark, colour = "!", terminal.Red
	case "connection":
		mark = "+"
	case "ended":
		mark = "-"
	}
	fmt.Fprintf(b, "%s #%d %s %s ", event.At.Local().Format("15:04:05.000"), event.Conn, terminal.Printable(event.Client), mark)
	b.WriteString(to.Paint(colour, terminal.Printable(event.What)))
	for _, a := range event.Attrs {
		fmt.Fprintf(b, " %s=%s", terminal.Printable(a.Key), quoted(a.Value))
	}
	b.WriteByte('\n')
}

func attrOf(event *admin.TraceEvent, key string) string {
	for _, a := range event.Attrs {
		if a.Key == key {
			return a.Value
		}
	}
	return ""
}
