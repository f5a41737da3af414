package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/terminal"
)

func newOverviewCommand(e *env) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:     "overview",
		Aliases: []string{"status"},
		Short:   "Print at a glance how things are, and what needs attention",
		Long: `Overview prints whether logins work, how each upstream's servers and each connector
fare, and what somebody should look at. Exit code 1: something critical is among it.`,
		Example: "  dialtree overview\n  dialtree status -o json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := e.client()
			if err != nil {
				return err
			}
			o, err := client.Overview(c.Context())
			if err != nil {
				return err
			}
			if isData(output) {
				err = writeData(e.stdout, output, o)
			} else {
				err = writeOverview(e, o)
			}
			if err == nil && critical(o) {
				err = errFailed
			}
			return err
		},
	}
	outputFlag(c, &output, "text", "json", "yaml")
	return c
}

func critical(o *admin.Overview) bool {
	return slices.ContainsFunc(o.Attention, func(a admin.Attention) bool { return a.Severity == "critical" })
}

func writeOverview(e *env, o *admin.Overview) error {
	l := &o.Logins
	writeFacts(e, []fact{
		{"ready", readyText(o.Ready)},
		{"logins", fmt.Sprintf("in the last hour %d accepted, %d refused, %d throttled, %d not found out; %.2f/s, 95%% within %s",
			l.Accepted, l.Refused, l.Throttled, l.NotFoundOut, l.PerSecond, milliseconds(l.P95))},
		{"entries", figures(o.Entries)},
		{"phonebooks", figures(o.Phonebooks)},
		{"to set up", openSteps(o.Checklist)},
	})
	if err := section(e, len(o.Attention), func() error { return attentionLister().write(e, "table", o.Attention) }); err != nil {
		return err
	}
	servers := upstreamServers(o.Upstreams)
	if err := section(e, len(servers), func() error { return serverLister().write(e, "table", servers) }); err != nil {
		return err
	}
	return section(e, len(o.Connectors), func() error { return connectorLister().write(e, "table", o.Connectors) })
}

func readyText(ready bool) string {
	if ready {
		return "yes"
	}
	return "no: `dialtree log --level warn` may tell why"
}

// section writes a table below an empty line, when it has rows.
func section(e *env, rows int, write func() error) error {
	if rows == 0 {
		return nil
	}
	fmt.Fprintln(e.stdout)
	return write()
}

func attentionLister() *lister[admin.Attention] {
	return &lister[admin.Attention]{
		header: []string{"SEVERITY", "ABOUT", "WHAT TO DO"},
		row:    func(a admin.Attention) []any { return []any{a.Severity, a.Subject, a.Text} },
	}
}

// An upstreamServer is a server with the name of its upstream.
type upstreamServer struct {
	upstream string
	admin.ServerHealth
}

func upstreamServers(upstreams []admin.UpstreamHealth) []upstreamServer {
	var list []upstreamServer
	for _, u := range upstreams {
		for _, s := range u.Servers {
			list = append(list, upstreamServer{u.Name, s})
		}
	}
	return list
}

func serverLister() *lister[upstreamServer] {
	return &lister[upstreamServer]{
		header: []string{"UPSTREAM", "SERVER", "STATE", "LAST ERROR"},
		row: func(s upstreamServer) []any {
			state := "up"
			if !s.Up {
				state = "down"
			}
			return []any{s.upstream, s.URL, state, s.LastError}
		},
	}
}

func connectorLister() *lister[admin.ConnectorState] {
	return &lister[admin.ConnectorState]{
		header: []string{"CONNECTOR", "STATE", "LAST SUCCESS", "NEXT RUN", "ENTRIES", "LAST ERROR"},
		row: func(c admin.ConnectorState) []any {
			return []any{c.Name, c.State, c.LastSuccess, c.NextRun, c.Entries, c.LastError}
		},
	}
}

// figures writes "contact 3, user 12", in the order of the names.
func figures(by map[string]int) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(by)) {
		out = append(out, fmt.Sprintf("%s %d", terminal.Printable(name), by[name]))
	}
	return strings.Join(out, ", ")
}

// openSteps are the steps of setting up that are not done.
func openSteps(list []admin.ChecklistStep) string {
	var open []string
	for _, s := range list {
		if !s.Done {
			open = append(open, s.Code)
		}
	}
	return strings.Join(open, ", ")
}
