package page

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/dialtree/dialtree/admin"
)

// mostNodes is how many nodes the page shows: of thousands, those that somebody should look at come first.
const mostNodes = 100

type nodesData struct {
	Tabs []tab
	*admin.Cluster
	Shown []node
	More  int // that are not shown
}

// A node is one with words for how it is.
type node struct {
	admin.ClusterNode
	Own   bool // it makes this page
	Known bool // how it is; how the others are is not, while etcd does not answer
}

// Link is where the node's page is; empty where it does not say, or says something that is no web address: what a node tells of itself is not trusted that far.
func (n node) Link() string { return webAddress(n.Page) }

// Kind is the colour of the state.
func (n node) Kind() string {
	switch {
	case !n.Known:
		return "quiet"
	case n.Trouble != "":
		return "bad"
	case n.Behind > 0:
		return "warn"
	}
	return "good"
}

// Lag is how many changes the node lacks.
func (n node) Lag() int { return int(min(n.Behind, math.MaxInt32)) }

func webAddress(s string) string {
	if strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://") {
		return s
	}
	return ""
}

// Following tells how far this node has come in words: it knows that better than its registration does.
func (d nodesData) Following() uint64 {
	if d.Head > d.Index {
		return d.Head - d.Index
	}
	return 0
}

// nodes shows the nodes of the cluster and the servers of etcd.
func (r *request) nodes() error {
	c, err := r.page.api.Cluster(r.Context(), admin.ClusterOptions{Members: true})
	if err != nil {
		return err
	}
	data := nodesData{Tabs: r.systemTabs(), Cluster: c}
	for _, n := range c.Nodes {
		own := n.Name == c.Node
		data.Shown = append(data.Shown, node{n, own, own || c.Reachable})
	}
	if data.More = len(data.Shown) - mostNodes; data.More > 0 {
		slices.SortStableFunc(data.Shown, func(a, b node) int { return cmp.Compare(urgency(b), urgency(a)) })
		data.Shown = data.Shown[:mostNodes]
	}
	if len(data.Missing) > mostNodes {
		data.Missing = data.Missing[:mostNodes]
	}
	if r.Header.Get(fragmentHeader) != "" {
		return r.again("nodes", "nodes-now", data)
	}
	return r.show("nodes", text("Nodes"), data)
}

// urgency orders the nodes of a cluster that is too large to be shown: this one, the one that runs the schedules, those with trouble, those behind.
func urgency(n node) int {
	switch {
	case n.Own:
		return 4
	case n.Elected:
		return 3
	case n.Trouble != "":
		return 2
	case n.Behind > 0:
		return 1
	}
	return 0
}
