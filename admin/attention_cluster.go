package admin

import (
	"fmt"
	"time"
)

const (
	// manyBehind is how many changes a node may lack before somebody should look at it: more than come while an import is taken over.
	manyBehind = 1000
	// stuckAfter is how long a node may lack changes and not come further.
	stuckAfter = 3 * time.Minute
	// unelectedAfter is how long the schedules may be nobody's: an election takes as long as the lease of who held it.
	unelectedAfter = 2 * time.Minute
	// manyBeyond is how many changes may lie behind the latest snapshot, and longTail how many bytes of them beside twice its own: there is a new one long
	// before, if it can be made. Its age says nothing: where little changes, one is good for months.
	manyBeyond = 4000
	longTail   = 64 << 20
)

// changesAttention tells first of all that nothing can be changed.
func (s *Server) changesAttention() []Attention {
	text, since := s.unchangeable()
	if text == "" || s.clusterWatch.full() != "" { // etcd_full tells of that
		return nil
	}
	return []Attention{{Severity: severityCritical, Code: "not_changing", Subject: s.options.Cluster.Node(), Since: since,
		Text: fmt.Sprintf("The node %s is serving, not changing: logins and searches go on, and nothing can be changed at it: %s. Look whether etcd runs and can be reached from here.", s.options.Cluster.Node(), text)}}
}

// attention finds what is the matter with the other nodes and with etcd. What a picture tells while etcd is away is of the past.
func (w *clusterWatch) attention(c *Cluster, now time.Time) []Attention {
	if c == nil || !c.Reachable {
		return nil
	}
	list := w.nodesAttention(c, now)
	if since := w.unelected(); !since.IsZero() && now.Sub(since) >= unelectedAfter {
		list = append(list, Attention{Severity: severityWarning, Code: "no_elected", Subject: c.Node, Since: utc(since),
			Text: "No node runs the schedules, so that connectors run by hand only. Look into the logs of the nodes for why none is elected."})
	}
	if s := c.Snapshot; s.Made != nil && (c.Head > s.Index+manyBeyond || s.Tail > longTail+2*s.Bytes) {
		list = append(list, Attention{Severity: severityWarning, Code: "snapshot_old", Subject: c.Elected, Since: s.Made,
			Text: fmt.Sprintf("The latest snapshot of the content is old (%d changes lie behind it), so that etcd fills up and new nodes take long. The log of the node %s says why there is no new one.", c.Head-s.Index, orNone(c.Elected))})
	}
	return append(list, membersAttention(c)...)
}

func (w *clusterWatch) nodesAttention(c *Cluster, now time.Time) []Attention {
	var list []Attention
	for _, n := range c.Nodes {
		stuck := w.stuck(n.Name)
		switch {
		case n.Trouble != "" && n.Name != c.Node: // its own is told by changesAttention
			list = append(list, Attention{Severity: severityWarning, Code: "node_trouble", Subject: n.Name,
				Text: fmt.Sprintf("The node %s has trouble: %s. Look at its overview and its log.", n.Name, reason(n.Trouble))})
		case n.Behind >= manyBehind, n.Behind > 0 && !stuck.IsZero() && now.Sub(stuck) >= stuckAfter:
			list = append(list, Attention{Severity: severityWarning, Code: "node_behind", Subject: n.Name, Since: utc(stuck),
				Text: fmt.Sprintf("The node %s is %d changes behind: its phones are answered with old names and numbers, and its logins by old rules. Look at its log and whether it reaches etcd.", n.Name, n.Behind)})
		}
	}
	for _, n := range w.missing(c, now) {
		list = append(list, Attention{Severity: severityWarning, Code: "node_missing", Subject: n.Name, Since: &n.Seen,
			Text: fmt.Sprintf("The node %s is gone: it was there until %s. Look whether it runs and reaches etcd; if it left on purpose, this ends after a day.", n.Name, n.Seen.Format(time.DateTime))})
	}
	return list
}

func membersAttention(c *Cluster) []Attention {
	var list []Attention
	if c.Full() {
		return []Attention{{Severity: severityCritical, Code: "etcd_full", Subject: "etcd",
			Text: "etcd is full: logins and searches go on, and nothing can be changed at any node. Make room and disarm its alarm, as docs/cluster.md says below \"Quota and defragmentation\"."}}
	}
	for _, m := range c.Members {
		if !m.Healthy {
			list = append(list, Attention{Severity: severityWarning, Code: "etcd_member", Subject: memberName(m),
				Text: fmt.Sprintf("The server %s of etcd is not well: %s. Mend it soon: when most of them are away, nothing can be changed.", memberName(m), reason(m.Error))})
		}
	}
	if n := c.Voters(); len(c.Nodes) > 1 && (n == 1 || n == 2) {
		list = append(list, Attention{Severity: severityNote, Code: "etcd_few", Subject: "etcd",
			Text: fmt.Sprintf("etcd has %d of the three servers that it needs: while one is away, nothing can be changed at any node. docs/cluster.md says where the third can run.", n)})
	}
	return list
}

// memberName is what people know a server of etcd by.
func memberName(m EtcdMember) string {
	if m.Name != "" {
		return m.Name
	}
	return m.Endpoint
}

func orNone(name string) string {
	if name == "" {
		return "that runs the schedules"
	}
	return name
}

func utc(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}
