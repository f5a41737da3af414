package main

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
)

const (
	// completionTime bounds how long a shell waits for names; without a server there are none.
	completionTime = 300 * time.Millisecond
	// maxCompletions is what a shell can still show.
	maxCompletions = 200
)

// A namer returns names that a running server knows and that may begin with a text. args are the arguments before.
type namer func(ctx context.Context, client *admin.Client, args []string, begin string) ([]string, error)

// A completer proposes what an argument may be.
type completer = func(c *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective)

// complete returns a completer that asks the running server, and proposes nothing when that does not answer in time.
func complete(e *env, names namer) completer {
	return func(c *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
		client, err := e.client()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(c.Context(), completionTime)
		defer cancel()
		found, err := names(ctx, client, args, begin)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return beginning(found, begin), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeFirst is complete for the first argument alone.
func completeFirst(e *env, names namer) completer {
	proposed := complete(e, names)
	return func(c *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return proposed(c, args, begin)
	}
}

// completeKindAndName completes KIND NAME.
func completeKindAndName(e *env) completer {
	proposed := complete(e, func(ctx context.Context, client *admin.Client, args []string, begin string) ([]string, error) {
		kind, _ := admin.ParseKind(args[0]) // names of no kind are an error of the server's
		return documentNames(ctx, client, kind, begin)
	})
	return func(c *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
		switch len(args) {
		case 0:
			return beginning(kindNames(), begin), cobra.ShellCompDirectiveNoFileComp
		case 1:
			return proposed(c, args, begin)
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// beginning selects what begins with a text and can be typed: a shell splits at a tab and at a line break.
func beginning(names []string, begin string) []string {
	var out []string
	for _, n := range names {
		if strings.HasPrefix(n, begin) && !strings.ContainsAny(n, "\t\n\r") && len(out) < maxCompletions {
			out = append(out, n)
		}
	}
	return out
}

// documentNames returns the names of a kind as `get` and `delete` take them.
func documentNames(ctx context.Context, client *admin.Client, kind admin.Kind, begin string) ([]string, error) {
	o := admin.ListOptions{Limit: maxCompletions}
	if _, isEntry := kind.Entry(); isEntry {
		o.Query = begin
	}
	page, err := client.ListPage(ctx, kind, o)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(page.Items))
	for i, d := range page.Items {
		var document map[string]any
		if err := json.Unmarshal(d, &document); err != nil {
			return nil, err
		}
		names[i], _ = document[nameKey(kind)].(string)
	}
	return names, nil
}

// nameKey is the key of documents by which they are got and deleted.
func nameKey(kind admin.Kind) string {
	switch kind {
	case "user":
		return "username"
	case "contact":
		return "id"
	case "speeddial":
		return "shortcode"
	}
	return "name"
}

// namesOf returns a namer of the documents of a kind.
func namesOf(kind admin.Kind) namer {
	return func(ctx context.Context, client *admin.Client, _ []string, begin string) ([]string, error) {
		return documentNames(ctx, client, kind, begin)
	}
}

func connectorNames(ctx context.Context, client *admin.Client, _ []string, begin string) ([]string, error) {
	return documentNames(ctx, client, "connector", begin)
}

func templateNames(ctx context.Context, client *admin.Client, _ []string, _ string) ([]string, error) {
	templates, err := client.Templates(ctx)
	names := make([]string, len(templates))
	for i, t := range templates {
		names[i] = t.Name
	}
	return names, err
}

// runNames returns the latest runs of the connector that the text names, such as staff-1 of staff, or of all of them.
func runNames(ctx context.Context, client *admin.Client, args []string, begin string) ([]string, error) {
	connectors, err := connectorNames(ctx, client, args, "")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, c := range append(connectors, "import") {
		if !strings.HasPrefix(begin, c) && !strings.HasPrefix(c, begin) {
			continue
		}
		runs, err := client.Runs(ctx, c, 20)
		if err != nil {
			continue // no import by hand yet; the others have runs all the same
		}
		for _, r := range runs {
			names = append(names, r.ID)
		}
	}
	return names, nil
}

// jobNames returns the jobs that run.
func jobNames(ctx context.Context, client *admin.Client, _ []string, _ string) ([]string, error) {
	jobs, err := client.Jobs(ctx)
	var names []string
	for _, j := range jobs {
		if !j.Done {
			names = append(names, j.ID)
		}
	}
	return names, err
}

// completeFlag proposes values of a flag.
func completeFlag(c *cobra.Command, flag string, proposed completer) {
	// An error says that the flag is unknown or has proposals already: the test of the commands would show that.
	_ = c.RegisterFlagCompletionFunc(flag, proposed)
}
