//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// newNode measures how long it takes until a node that has nothing answers.
func (c *clusterBench) newNode(ctx context.Context) error {
	n, err := fixture.NewNode("node4", c.options)
	if err != nil {
		return err
	}
	defer n.Close()
	begin := time.Now()
	if err := n.Join(ctx, c.nodes[0]); err != nil {
		return err
	}
	joined := time.Now()
	if err := n.Start(ctx); err != nil {
		return err
	}
	ready := time.Now()
	sights, err := c.sights(ctx, []*fixture.Node{n})
	if err != nil {
		return err
	}
	seen, err := until(sights, c.edition(0))
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "\nA new node with %d contacts: `cluster join` %.1f s, ready %.1f s after its start, its searches find them %.1f s after that.\n",
		c.size, joined.Sub(begin).Seconds(), ready.Sub(joined).Seconds(), seen.Sub(ready).Seconds())
	return nil
}

// requests compares what a phone asks of a node with what it asks of a server that is alone and has the same.
func (c *clusterBench) requests(ctx context.Context) error {
	alone, err := c.alone(ctx)
	if err != nil {
		return err
	}
	defer alone.Stop()
	if _, err := c.run(ctx, alone); err != nil {
		return err
	}
	for _, d := range []*fixture.Dialtree{alone, c.nodes[2].Dialtree} {
		client, err := fixture.Dial(ctx, d.Address, nil)
		if err != nil {
			return err
		}
		if _, err := until([]sight{{client}}, c.edition(0)); err != nil {
			return err
		}
	}
	// The others would have nothing to do, and take nothing from it; all the same they are not what is measured.
	var searches []fixture.Search
	for i := range 500 {
		searches = append(searches, fixture.Search{Base: "ou=phonebook," + fixture.DialtreeBase, Scope: fixture.WholeSubtree,
			Filter: fixture.Equal("telephoneNumber", contactAt(i*7%c.size, 0).phone), Attributes: []string{"cn", "sn", "telephoneNumber"}})
	}
	servers := []struct {
		name string
		d    *fixture.Dialtree
	}{{"alone", alone}, {"a node of three", c.nodes[2].Dialtree}}
	for _, kind := range []struct {
		title, unit string
		requests    [][]byte
		searches    bool
	}{{"Forwarded binds", "binds", c.binds(fixture.DialtreeDN), false}, {"Searches by number", "searches", encode(searches), true}} {
		var contenders []contender
		for _, s := range servers {
			contenders = append(contenders, contender{name: s.name, process: s.d.Process, address: s.d.Address, requests: kind.requests, searches: kind.searches})
		}
		for _, s := range shapes[:2] {
			rows, err := c.compare(ctx, contenders, s)
			if err != nil {
				return err
			}
			c.print(kind.title+", "+s.title, kind.unit, rows)
		}
	}
	return nil
}

// failures measures how long nothing can be changed, or nobody has the schedules, when one of those ends that matter.
func (c *clusterBench) failures(ctx context.Context) error {
	fmt.Fprint(c.out, "\n| what ends | for so long |\n|---|---:|\n")
	rounds := 3
	if c.quick {
		rounds = 1
	}
	report := func(what string, list []time.Duration) {
		var texts []string
		for _, d := range list {
			texts = append(texts, fmt.Sprintf("%.1f s", d.Seconds()))
		}
		fmt.Fprintf(c.out, "| %s | %s |\n", what, strings.Join(texts, ", "))
	}
	var killed, paused []time.Duration
	for range rounds {
		took, err := c.withoutLeader(ctx, func(m *fixture.EtcdMember) error { m.Kill(); return nil }, func(m *fixture.EtcdMember) error { return m.Start(ctx) })
		if err != nil {
			return err
		}
		killed = append(killed, took)
		took, err = c.withoutLeader(ctx, func(m *fixture.EtcdMember) error { return m.Signal(syscall.SIGSTOP) }, func(m *fixture.EtcdMember) error {
			return errors.Join(m.Signal(syscall.SIGCONT), m.AwaitLeader(ctx))
		})
		if err != nil {
			return err
		}
		paused = append(paused, took)
	}
	report("the member of etcd that leads is killed: until a change is done at each node", killed)
	report("… is paused", paused)
	killed, paused = nil, nil
	for range rounds {
		took, err := c.withoutElected(ctx, func(n *fixture.Node) error { n.Kill(); return nil }, func(n *fixture.Node) error { return n.Start(ctx) })
		if err != nil {
			return err
		}
		killed = append(killed, took)
		took, err = c.withoutElected(ctx, func(n *fixture.Node) error { return n.Signal(syscall.SIGSTOP) }, func(n *fixture.Node) error { return n.Signal(syscall.SIGCONT) })
		if err != nil {
			return err
		}
		paused = append(paused, took)
	}
	report("the node that runs the schedules is killed: until another one does", killed)
	report("… is paused", paused)
	return nil
}

// withoutLeader tells how long it takes until a change is done at each node, one after the other.
func (c *clusterBench) withoutLeader(ctx context.Context, end, back func(*fixture.EtcdMember) error) (time.Duration, error) {
	leader := c.etcd.Leader(ctx)
	if leader < 0 {
		return 0, errors.New("etcd has no leader")
	}
	begin := time.Now()
	if err := end(c.etcd.Members[leader]); err != nil {
		return 0, err
	}
	for _, n := range c.nodes {
		client := &http.Client{Transport: n.SocketTransport(), Timeout: clusterPatience}
		err := c.await(ctx, n.Name+" takes changes", func() bool { done, err := put(ctx, client, "Failover"); return err == nil && done })
		client.CloseIdleConnections()
		if err != nil {
			return 0, err
		}
	}
	took := time.Since(begin)
	return took, errors.Join(back(c.etcd.Members[leader]), c.together(ctx, c.nodes...))
}

func (c *clusterBench) withoutElected(ctx context.Context, end, back func(*fixture.Node) error) (time.Duration, error) {
	var on *fixture.Node
	if err := c.await(ctx, "a node is elected", func() bool { on = c.elected(ctx, nil); return on != nil }); err != nil {
		return 0, err
	}
	begin := time.Now()
	if err := end(on); err != nil {
		return 0, err
	}
	err := c.await(ctx, "another node is elected", func() bool { return c.elected(ctx, on) != nil })
	took := time.Since(begin)
	return took, errors.Join(err, back(on), c.together(ctx, c.nodes...))
}

// elected is the node that is, as another than the one to leave out sees it.
func (c *clusterBench) elected(ctx context.Context, without *fixture.Node) *fixture.Node {
	for _, asked := range c.nodes {
		if asked == without {
			continue
		}
		s, err := asked.Cluster(ctx, "")
		if err != nil {
			return nil
		}
		for _, n := range c.nodes {
			if n.Name == s.Elected && n != without {
				return n
			}
		}
		return nil
	}
	return nil
}

// reimports replaces all contacts again and again, and looks how large etcd's database becomes.
func (c *clusterBench) reimports(ctx context.Context) error {
	rounds := 20
	if c.quick {
		rounds = 5
	}
	var largest, inUse int64
	var last string
	begin := time.Now()
	for i := range rounds {
		if err := c.source(1 + i); err != nil {
			return err
		}
		if _, err := c.run(ctx, c.nodes[i%len(c.nodes)].Dialtree); err != nil {
			return err
		}
		if err := c.together(ctx, c.nodes...); err != nil {
			return err
		}
		for _, m := range c.etcd.Members {
			s, err := m.Status(ctx)
			if err != nil {
				return err
			}
			largest, inUse = max(largest, s.Bytes), max(inUse, s.InUse)
			last = fmt.Sprintf("%.0f MiB, %.0f MiB of it in use", mebibytes(s.Bytes), mebibytes(s.InUse))
		}
	}
	took := time.Since(begin)
	// What docs/cluster.md says, without what is being uploaded, and with the one change that may be ahead of the janitor, who makes his rounds every ten seconds.
	var below, content, bound int64
	var count map[string]int
	look := func() error {
		stored, n, err := c.etcd.Stored(ctx, "/dialtree/")
		if err != nil {
			return err
		}
		status, err := c.nodes[0].Cluster(ctx, "")
		if err != nil {
			return err
		}
		below, count = 0, n
		for _, bytes := range stored {
			below += bytes
		}
		content = status.Snapshot.Bytes
		bound = 2*content + max(8<<20, content) + 4<<20 + content
		return nil
	}
	if err := c.await(ctx, "what lies below the prefix is as little as docs/cluster.md says", func() bool { return look() == nil && below <= bound }); err != nil {
		return fmt.Errorf("%w: %d bytes, and at most %d are stated", err, below, bound)
	}
	fmt.Fprintf(c.out, "\n%d imports in a row that change %d contacts each, in %.0f s: below the prefix there are %.0f MiB at the end, in %d pieces, of at most %.0f that are stated for a snapshot of %.1f MiB; "+
		"with the history that etcd keeps for 15 minutes the database of a member had at most %.0f MiB, at most %.0f MiB of it in use, and at the end %s.\n",
		rounds, c.size, took.Seconds(), mebibytes(below), count["parts"], mebibytes(bound), mebibytes(content), mebibytes(largest), mebibytes(inUse), last)
	return nil
}
