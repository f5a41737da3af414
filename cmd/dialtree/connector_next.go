package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

func newNextCommand(e *env) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:               "next NAME",
		Short:             "Print when a connector runs next by itself: the next five times",
		Example:           "  dialtree connector next staff",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFirst(e, connectorNames),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := e.client()
			if err != nil {
				return err
			}
			document, err := client.Get(c.Context(), "connector", args[0])
			if err != nil {
				return err
			}
			var connector struct{ Schedule, Timezone string }
			if err := json.Unmarshal(document, &connector); err != nil {
				return fmt.Errorf("read the server's answer: %w", err)
			}
			if connector.Schedule == "" {
				return fmt.Errorf("connector %s has no schedule: it runs when somebody runs it. Add a schedule such as \"@every 1h\" or \"30 2 * * *\" (each night at 2:30), and apply it", args[0])
			}
			next, err := client.NextTimes(c.Context(), connector.Schedule, connector.Timezone, 5)
			if err != nil {
				return err
			}
			if isData(output) {
				return writeData(e.stdout, output, next)
			}
			now := time.Now()
			for _, t := range next.Times {
				fmt.Fprintln(e.stdout, inWords(t, now))
			}
			return nil
		},
	}
	outputFlag(c, &output, "text", "json", "yaml")
	return c
}

// inWords writes a time that comes as "Wednesday 25 November 2026 02:30, in 8 hours".
func inWords(t, now time.Time) string {
	return t.Local().Format("Monday 2 January 2006 15:04") + ", in " + span(t.Sub(now))
}

// span writes a duration in its largest unit, rounded.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return count(int(d.Round(time.Second).Seconds()), "second")
	case d < time.Hour:
		return count(int(d.Round(time.Minute).Minutes()), "minute")
	case d < 2*day:
		return count(int(d.Round(time.Hour).Hours()), "hour")
	}
	return count(int((d+day/2)/day), "day")
}
