package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/admin/yamldoc"
)

func newGetCommand(e *env) *cobra.Command {
	var output string
	var o admin.ListOptions
	var showTag bool
	c := &cobra.Command{
		Use:   "get KIND [NAME]",
		Short: "Print objects and entries",
		Long: `Get prints what the server has of a kind: user, contact, speeddial, upstream,
connector, phonebook, device, administrator, role or token. YAML can be applied again; secrets read "[secret]",
which keeps the stored one.

CSV has the headers that a CSV import reads, for users, contacts and speed dials. A
value that a spreadsheet would take for a formula (it begins with =, +, -, @ or a
control character) gets a ' in front; telephone numbers such as +49 30 1234 do not.
What a connector removed and keeps hidden for a while is not in CSV.

KIND all prints, as YAML, what an empty server needs to become this one again, for apply: every object, and the
entries made by hand. Entries of connectors are not in it, their runs bring them back; nor are administrators,
tokens and passwords. A backup has everything; this can be read, and kept with other settings.`,
		Example: `  dialtree get users
  dialtree get user alice -o yaml
  dialtree get contacts --phonebook customers -o csv > customers.csv
  dialtree get users --query müller --state changed
  dialtree get users --method upstream --upstream corp --limit 20
  dialtree get connectors -o json
  dialtree get all > dialtree-objects.yaml`,
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: completeKindAndName(e),
		RunE: func(c *cobra.Command, args []string) error {
			if args[0] == "all" {
				return getAll(c, e, args[1:])
			}
			kind, err := parseKind(c, args[0])
			if err != nil {
				return err
			}
			if _, isEntry := kind.Entry(); output == "csv" && !isEntry {
				return usagef(c, "-o csv is for users, contacts and speed dials; use -o yaml for a %s", kind)
			}
			if err := checkSelection(c, kind, o); err != nil {
				return err
			}
			client, err := e.client()
			if err != nil {
				return err
			}
			if len(args) == 2 {
				document, tag, err := client.GetTagged(c.Context(), kind, args[1])
				if err != nil {
					return err
				}
				if showTag {
					_, err := fmt.Fprintln(e.stdout, tag)
					return err
				}
				if output == "json" {
					return writeJSON(e.stdout, document)
				}
				return writeDocuments(e, output, kind, []admin.Document{document})
			}
			documents, err := selected(c.Context(), client, kind, o)
			if err != nil {
				return err
			}
			return writeDocuments(e, output, kind, documents)
		},
	}
	c.Flags().BoolVar(&showTag, "show-tag", false, "print the tag of one document, for delete --if-match and apply --if-match")
	selectionFlags(e, c, &o)
	outputFlag(c, &output, "table", "yaml", "json", "csv")
	return c
}

// selectionFlags adds the flags that select documents.
func selectionFlags(e *env, c *cobra.Command, o *admin.ListOptions) {
	flags := c.Flags()
	flags.StringVar(&o.Query, "query", "", "only what these words or digits find")
	flags.StringVar(&o.Phonebook, "phonebook", "", "only contacts of this phonebook")
	flags.StringVar(&o.Connector, "connector", "", "only entries that this connector made")
	flags.StringVar(&o.Method, "method", "", "only users with this login method: upstream, internal or none")
	flags.StringVar(&o.Upstream, "upstream", "", "only users whose password this upstream checks")
	flags.StringVar(&o.Group, "group", "", "only users of this group")
	flags.StringVar(&o.State, "state", "", "only entries that are enabled, disabled (users), changed (by hand) or removed")
	flags.IntVar(&o.Limit, "limit", 0, "at most so many; default all of them")
	for _, kind := range []admin.Kind{"phonebook", "connector", "upstream"} {
		completeFlag(c, string(kind), complete(e, namesOf(kind)))
	}
	completeFlag(c, "method", cobra.FixedCompletions(loginMethods(), cobra.ShellCompDirectiveNoFileComp))
	completeFlag(c, "state", cobra.FixedCompletions(userStates(), cobra.ShellCompDirectiveNoFileComp))
}

func userStates() []string { return []string{"enabled", "disabled", "changed", "removed"} }

// checkSelection refuses a selection that makes no sense for a kind.
func checkSelection(c *cobra.Command, kind admin.Kind, o admin.ListOptions) error {
	switch {
	case o.Phonebook != "" && kind != "contact":
		return usagef(c, "--phonebook is for contacts")
	case (o.Method != "" || o.Upstream != "" || o.Group != "" || o.State == "enabled" || o.State == "disabled") && kind != "user":
		return usagef(c, "--method, --upstream, --group and --state enabled or disabled are for users")
	case o.Method != "" && !slices.Contains(loginMethods(), o.Method):
		return usagef(c, "--method %s: the methods are %s", o.Method, strings.Join(loginMethods(), ", "))
	case o.State != "" && !slices.Contains(userStates(), o.State):
		return usagef(c, "--state %s: the states are %s", o.State, strings.Join(userStates(), ", "))
	case o.Limit < 0:
		return usagef(c, "--limit must be 1 or more")
	}
	return nil
}

// selected returns the documents that are selected: all of them, or the first ones of the server's order.
func selected(ctx context.Context, client *admin.Client, kind admin.Kind, o admin.ListOptions) ([]admin.Document, error) {
	if o.Limit == 0 {
		return listAll(ctx, client, kind, o)
	}
	page, err := client.ListPage(ctx, kind, o)
	if err != nil {
		return nil, err
	}
	return page.Items[:min(o.Limit, len(page.Items))], nil
}

// listAll returns what is there, and the entries that connectors keep hidden behind it.
func listAll(ctx context.Context, client *admin.Client, kind admin.Kind, o admin.ListOptions) ([]admin.Document, error) {
	documents, err := client.List(ctx, kind, o)
	if _, isEntry := kind.Entry(); err != nil || !isEntry || o.State != "" {
		return documents, err
	}
	o.State = "removed"
	hidden, err := client.List(ctx, kind, o)
	return append(documents, hidden...), err
}

func writeDocuments(e *env, output string, kind admin.Kind, documents []admin.Document) error {
	rows := make([]map[string]any, len(documents))
	for i, d := range documents {
		if err := json.Unmarshal(d, &rows[i]); err != nil {
			return fmt.Errorf("read the server's answer: %w", err)
		}
	}
	sortByName(kind, documents, rows)
	switch output {
	case "json":
		return writeJSON(e.stdout, documents)
	case "yaml":
		for i, d := range documents {
			text, err := yamldoc.FromJSON(d)
			if err != nil {
				return err
			}
			if i > 0 {
				fmt.Fprintln(e.stdout, "---")
			}
			if _, err := e.stdout.Write(text); err != nil {
				return err
			}
		}
		return nil
	}
	if output == "csv" {
		return writeCSV(e.stdout, kind, rows)
	}
	return writeKindTable(e, kind, rows)
}

// sortByName orders documents, and what was read of them, by what people call them;
// those of one name by their IDs, as the server sends them.
func sortByName(kind admin.Kind, documents []admin.Document, rows []map[string]any) {
	name := columns(kind)[0]
	order := make([]int, len(rows))
	names := make([]string, len(rows))
	for i, r := range rows {
		order[i], names[i] = i, strings.ToLower(cell(name, r[name]))
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(names[a], names[b]) })
	sortedDocuments, sortedRows := slices.Clone(documents), slices.Clone(rows)
	for i, from := range order {
		documents[i], rows[i] = sortedDocuments[from], sortedRows[from]
	}
}

// columns are what a table shows of a kind: keys of its documents, a path with dots.
func columns(kind admin.Kind) []string {
	switch kind {
	case "user":
		return []string{"username", "displayname", "phone", "auth", "connector"}
	case "contact":
		return []string{"displayname", "phone", "organisation", "phonebook", "connector", "id"}
	case "speeddial":
		return []string{"shortcode", "displayname", "phone", "connector"}
	case "upstream":
		return []string{"name", "urls", "bind_dn"}
	case "connector":
		return []string{"name", "template", "target", "schedule", "status.last_success", "status.last_error"}
	case "phonebook":
		return []string{"name", "title", "readers"}
	case "administrator":
		return []string{"name", "title", "role", "disabled"}
	case "role":
		return []string{"name", "groups", "users"}
	case "token":
		return []string{"name", "title", "scopes", "expires"}
	}
	return []string{"name", "title", "disabled"}
}

func writeKindTable(e *env, kind admin.Kind, documents []map[string]any) error {
	header := columns(kind)
	rows := make([][]string, len(documents))
	for i, d := range documents {
		for _, column := range header {
			rows[i] = append(rows[i], cell(column, at(d, column))+hiddenNote(column, d))
		}
	}
	upper := make([]string, len(header))
	for i, h := range header {
		_, last, nested := strings.Cut(h, ".")
		if !nested {
			last = h
		}
		upper[i] = strings.ToUpper(strings.ReplaceAll(last, "_", " "))
	}
	return writeTable(e, upper, rows)
}

// at is the value of a column.
func at(document map[string]any, column string) any {
	key, rest, nested := strings.Cut(column, ".")
	inner, ok := document[key].(map[string]any)
	if nested && ok {
		return inner[rest]
	}
	if nested {
		return nil
	}
	return document[key]
}

// hiddenNote says beside its connector that an entry is no longer in the source.
func hiddenNote(column string, document map[string]any) string {
	removed, hidden := document["removed"].(string)
	if column != "connector" || !hidden {
		return ""
	}
	day, _, _ := strings.Cut(removed, "T")
	return " (removed " + day + ")"
}

func cell(column string, value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case []any:
		texts := make([]string, len(v))
		for i := range v {
			texts[i] = fmt.Sprint(v[i])
		}
		return strings.Join(texts, ", ")
	case map[string]any:
		if column == "auth" {
			return authCell(v)
		}
	}
	return fmt.Sprint(value)
}

// authCell writes how a user logs in as "upstream corp", "internal" or "none, disabled".
func authCell(auth map[string]any) string {
	text := fmt.Sprint(auth["method"])
	if upstream, ok := auth["upstream"].(string); ok {
		text += " " + upstream
	}
	if auth["disabled"] == true {
		text += ", disabled"
	}
	return text
}
