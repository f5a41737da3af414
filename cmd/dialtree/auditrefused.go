package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
)

// refusedFlags are the flags of `audit --refused`.
type refusedFlags struct {
	refused bool
	since   time.Duration
	options admin.RefusalOptions
}

// add adds the flags that choose among what was refused.
func (f *refusedFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.refused, "refused", false, "what was refused, and why, instead of what was done")
	c.Flags().StringVar(&f.options.User, "user", "", "with --refused: where the name that was sent holds this")
	c.Flags().StringVar(&f.options.Address, "address", "", "with --refused: from this address or network")
	c.Flags().StringVar(&f.options.Outcome, "outcome", "", "with --refused: of this class, such as unknown_user or throttled")
	c.Flags().DurationVar(&f.since, "since", 0, "with --refused: in this time up to now, such as 1h")
}

// onlyRefused are those that make no sense without --refused.
var onlyRefused = []string{"user", "address", "outcome", "since"}

// check says what is wrong with the flags. others are those that make no sense with --refused.
func (f *refusedFlags) check(c *cobra.Command, others ...string) error {
	wrong, with := onlyRefused, "needs --refused"
	if f.refused {
		wrong, with = others, "does not go with --refused"
	}
	for _, name := range wrong {
		if c.Flags().Changed(name) {
			return usagef(c, "--%s %s", name, with)
		}
	}
	if f.since < 0 {
		return usagef(c, "--since %v: it must be above 0", f.since)
	}
	if f.since > 0 {
		f.options.Since = time.Now().Add(-f.since)
	}
	return nil
}

func (f *refusedFlags) list(c *cobra.Command, e *env, limit int) error {
	client, err := e.client()
	if err != nil {
		return err
	}
	l := lister[admin.Refusal]{
		header: []string{"LAST", "COUNT", "DOOR", "NAME", "FROM", "OUTCOME", "CODE", "REASON", "FIRST"},
		row: func(r admin.Refusal) []any {
			return []any{r.Last, r.Count, r.Door, r.Name, r.From, r.Outcome, codeOf(r.Code), r.Reason, r.First}
		},
		fetch: func(ctx context.Context, client *admin.Client, _ []string) ([]admin.Refusal, error) {
			f.options.Limit = limit
			return client.Refusals(ctx, f.options)
		},
	}
	items, err := l.fetch(c.Context(), client, nil)
	if err != nil {
		return err
	}
	output, err := c.Flags().GetString("output")
	if err != nil {
		return err
	}
	return l.write(e, output, items)
}

func codeOf(code int) string {
	if code == 0 {
		return ""
	}
	return fmt.Sprint(code)
}
