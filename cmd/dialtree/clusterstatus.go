package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/terminal"
)

func newClusterStatusCommand(e *env) *cobra.Command {
	s := clusterStatus{e: e}
	c := &cobra.Command{
		Use:   "status",
		Short: "Print the nodes, how far each is, and how etcd is, as the running server sees them",
		Long: `Status prints what is wrong first, then each node with its position among the changes, and
the servers of etcd. Exit code 1: nothing can be changed at this node. Logins and searches
go on all the same.

With --digest it prints a digest of all that the nodes share and the position at which it
was made: two nodes at the same position have the same. It reads the whole content.`,
		Example: `  dialtree cluster status
  dialtree cluster status --watch
  dialtree cluster status --digest`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if s.watch && s.digest {
				return usagef(c, "--watch and --digest: a digest takes a while, ask for it alone")
			}
			client, err := e.client()
			if err != nil {
				return err
			}
			s.client = client
			return s.run(c.Context())
		},
	}
	c.Flags().BoolVar(&s.watch, "watch", false, "print it again every two seconds, until Ctrl-C")
	c.Flags().BoolVar(&s.digest, "digest", false, "print the digest of the content and its position")
	outputFlag(c, &s.output, "text", "json", "yaml")
	return c
}

// clusterWatchEvery is between two looks at a cluster that is watched.
const clusterWatchEvery = 2 * time.Second

// A clusterStatus prints how a cluster looks.
type clusterStatus struct {
	e             *env
	client        *admin.Client
	watch, digest bool
	output        string
}

func (s *clusterStatus) run(ctx context.Context) error {
	if !s.watch {
		return s.once(ctx)
	}
	live := s.e.terminal().Live && !isData(s.output)
	for {
		if live {
			fmt.Fprint(s.e.stdout, "\x1b[H\x1b[2J")
		}
		err := s.once(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && err != errFailed {
			return err
		}
		if !live && !isData(s.output) {
			fmt.Fprintln(s.e.stdout)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(clusterWatchEvery):
		}
	}
}

func (s *clusterStatus) once(ctx context.Context) error {
	found, err := s.client.Cluster(ctx, admin.ClusterOptions{Members: !s.digest, Digest: s.digest})
	if err != nil {
		return err
	}
	switch {
	case isData(s.output) && s.watch && s.output == "json":
		err = writeLine(s.e.stdout, found)
	case isData(s.output):
		err = writeData(s.e.stdout, s.output, found)
	case s.digest:
		_, err = fmt.Fprintf(s.e.stdout, "%s  change %d  %s\n", terminal.Printable(found.Digest), found.DigestIndex, terminal.Printable(found.Node))
	default:
		err = writeCluster(s.e, found)
	}
	if err == nil && (found.Trouble != "" || found.Full()) {
		err = errFailed
	}
	return err
}

func writeCluster(e *env, c *admin.Cluster) error {
	for _, sentence := range clusterTroubles(c) {
		fmt.Fprintln(e.stdout, terminal.Printable(sentence))
	}
	writeFacts(e, []fact{
		{"cluster", c.Cluster},
		{"this node", c.Node},
		{"last change", fmt.Sprint(c.Head)},
		{"schedules", cmp.Or(c.Elected, "no node") + " runs them"},
		{"snapshot", snapshotText(&c.Snapshot, time.Now())},
		{"schema", fmt.Sprint(c.Schema)},
	})
	if err := section(e, len(c.Nodes), func() error { return nodeLister().write(e, "table", c.Nodes) }); err != nil {
		return err
	}
	return section(e, len(c.Members), func() error { return memberLister().write(e, "table", c.Members) })
}

// clusterTroubles are sentences about what is wrong, the worst first.
func clusterTroubles(c *admin.Cluster) []string {
	var out []string
	if c.Trouble != "" {
		text := "serving, not changing: " + c.Trouble
		if c.Since != nil {
			text += ", since " + personTime(*c.Since)
		}
		out = append(out, text)
	}
	if c.Full() {
		out = append(out, "serving, not changing: etcd is full: make room and disarm its alarm, as docs/cluster.md says below \"Quota and defragmentation\"")
	}
	for _, n := range c.Nodes {
		if n.Trouble != "" && n.Name != c.Node {
			out = append(out, fmt.Sprintf("node %s: %s", n.Name, n.Trouble))
		}
	}
	for _, n := range c.Missing {
		out = append(out, fmt.Sprintf("node %s is gone since %s: start it, or it has left", n.Name, personTime(n.Seen)))
	}
	for _, m := range c.Members {
		if !m.Healthy && !m.Full {
			out = append(out, fmt.Sprintf("etcd's server %s is not well: %s", cmp.Or(m.Name, m.Endpoint), m.Error))
		}
	}
	return out
}

func snapshotText(s *admin.ClusterSnapshot, now time.Time) string {
	if s.Made == nil {
		return "none yet"
	}
	text := fmt.Sprintf("of change %d, %s old, %s", s.Index, now.Sub(*s.Made).Round(time.Second), sizeText(s.Bytes))
	if s.Tail > 0 { // only the elected node knows
		text += fmt.Sprintf("; %s of changes behind it", sizeText(s.Tail))
	}
	return text
}

// sizeText writes small sizes so that they can be told from none.
func sizeText(n int64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return mebibytes(n)
}

func nodeLister() *lister[admin.ClusterNode] {
	return &lister[admin.ClusterNode]{
		header: []string{"NODE", "VERSION", "CHANGE", "BEHIND", "ELECTED", "SEEN", "PAGE", "TROUBLE"},
		row: func(n admin.ClusterNode) []any {
			return []any{n.Name, n.Version, n.Index, n.Behind, n.Elected, n.Seen, n.Page, n.Trouble}
		},
	}
}

func memberLister() *lister[admin.EtcdMember] {
	return &lister[admin.EtcdMember]{
		header: []string{"ETCD", "ENDPOINT", "STATE", "ROLE", "VERSION", "DATABASE", "IN USE"},
		row: func(m admin.EtcdMember) []any {
			state, role := "up", "follower"
			switch {
			case m.Full:
				state = "full"
			case !m.Healthy:
				state = "down"
			}
			switch {
			case m.Leader:
				role = "leader"
			case m.Learner:
				role = "learner"
			case !m.Healthy && !m.Full:
				role = ""
			}
			return []any{m.Name, m.Endpoint, state, role, m.Version, sizeText(m.Bytes), sizeText(m.InUse)}
		},
	}
}
