package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/terminal"
)

// tokenKind is the kind of object that a token is.
const tokenKind admin.Kind = "token"

// A tokenDocument is a token as documents hold it; its secret never is in one.
type tokenDocument struct {
	Kind    admin.Kind `json:"kind"`
	Name    string     `json:"name"`
	Title   string     `json:"title,omitempty"`
	Scopes  []string   `json:"scopes"`
	Expires string     `json:"expires"` // RFC 3339
}

func newTokenCommand(e *env) *cobra.Command {
	return group("token", "Let programs use the API",
		newTokenNewCommand(e), newTokenListCommand(e), newTokenDeleteCommand(e))
}

func newTokenNewCommand(e *env) *cobra.Command {
	d := tokenDocument{Kind: tokenKind}
	var expires string
	c := &cobra.Command{
		Use:   "new NAME --scope SCOPE... --expires WHEN",
		Short: "Make a token, and print its secret this once",
		Long: `New makes a token for a program: what it may do (read, contacts, users, run, admin) and
until when, as days (90d), a date (2027-01-31) or a time (RFC 3339). The secret alone
goes to standard output; it cannot be printed again.`,
		Example: `  dialtree token new crm --scope contacts --expires 90d
  dialtree token new monitoring --scope read --expires 2027-01-31 > token.txt`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			d.Name = args[0]
			if len(d.Scopes) == 0 {
				return usagef(c, "say what the token may do: --scope with one or more of %s", strings.Join(scopeNames(), ", "))
			}
			until, err := parseExpiry(expires, time.Now())
			if err != nil {
				return usagef(c, "--expires %s: %w", expires, err)
			}
			d.Expires = until.UTC().Format(time.RFC3339)
			client, err := e.client()
			if err != nil {
				return err
			}
			return makeToken(c.Context(), e, client, &d)
		},
	}
	c.Flags().StringSliceVar(&d.Scopes, "scope", nil, "what it may do: "+strings.Join(scopeNames(), ", ")+"; several with commas")
	c.Flags().StringVar(&expires, "expires", "90d", "`when` it ends: days (90d), a date or a time")
	c.Flags().StringVar(&d.Title, "title", "", "what it is for")
	completeFlag(c, "scope", cobra.FixedCompletions(scopeNames(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

// makeToken makes a token that there is not yet.
func makeToken(ctx context.Context, e *env, client *admin.Client, d *tokenDocument) error {
	document, err := json.Marshal(d)
	if err != nil {
		return err
	}
	made, err := client.Put(ctx, tokenKind, d.Name, document, admin.PutOptions{New: true})
	if err != nil {
		return err
	}
	if made.Password == "" {
		return errors.New("the server made the token and did not tell its secret: delete it, and make another")
	}
	fmt.Fprintf(e.stderr, "token %s for %s, until %s. Its secret, shown this once:\n", terminal.Printable(d.Name), strings.Join(d.Scopes, ", "), d.Expires)
	_, err = fmt.Fprintln(e.stdout, made.Password)
	return err
}

func scopeNames() []string {
	var names []string
	for _, s := range access.Scopes() {
		names = append(names, string(s))
	}
	return names
}

// parseExpiry reads days such as 90d, a date, whose end it is, or a time.
func parseExpiry(text string, now time.Time) (time.Time, error) {
	until, err := time.Parse(time.RFC3339, text)
	if days, isDays := strings.CutSuffix(text, "d"); isDays {
		var n int
		n, err = strconv.Atoi(days)
		until = now.AddDate(0, 0, n)
	} else if day, dayErr := time.ParseInLocation(time.DateOnly, text, now.Location()); dayErr == nil {
		until, err = day.AddDate(0, 0, 1), nil
	}
	switch {
	case err != nil:
		return time.Time{}, errors.New("give days such as 90d, a date such as 2027-01-31, or a time such as 2027-01-31T12:00:00Z")
	case !until.After(now):
		return time.Time{}, errors.New("that is over already")
	}
	return until, nil
}

func newTokenListCommand(e *env) *cobra.Command {
	return newListCommand(e, lister[tokenDocument]{
		command: cobra.Command{
			Use:     "list",
			Short:   "List the tokens",
			Example: "  dialtree token list",
			Args:    cobra.NoArgs,
		},
		header: []string{"TOKEN", "TITLE", "SCOPES", "EXPIRES"},
		row: func(d tokenDocument) []any {
			return []any{d.Name, d.Title, strings.Join(d.Scopes, ", "), d.Expires}
		},
		fetch: func(ctx context.Context, client *admin.Client, _ []string) ([]tokenDocument, error) {
			documents, err := client.List(ctx, tokenKind, admin.ListOptions{})
			tokens := make([]tokenDocument, len(documents))
			for i := range documents {
				if err := json.Unmarshal(documents[i], &tokens[i]); err != nil {
					return nil, fmt.Errorf("read the server's answer: %w", err)
				}
			}
			return tokens, err
		},
	})
}

func newTokenDeleteCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:               "delete NAME",
		Short:             "Delete a token: what uses it is refused from now on",
		Example:           "  dialtree token delete crm",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFirst(e, namesOf(tokenKind)),
		RunE: func(c *cobra.Command, args []string) error {
			return deleteDocument(c.Context(), e, tokenKind, args[0], admin.DeleteOptions{})
		},
	}
}
