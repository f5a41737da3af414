//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// clusterPatience is how long anything may take that a cluster does by itself.
const clusterPatience = 2 * time.Minute

// A clusterBench is nodes that share content in an etcd of three members, all on this machine and without anything in between.
type clusterBench struct {
	*bench
	etcd    *fixture.Etcd
	options fixture.NodesOptions
	nodes   []*fixture.Node
	slapd   *fixture.Slapd
	file    string // what the connector reads
	size    int    // contacts in it
}

// cluster measures what it costs to share content with other nodes, and what it takes.
func (b *bench) cluster(ctx context.Context) error {
	c := &clusterBench{bench: b, file: filepath.Join(b.dir, "cluster.csv"), size: imported}
	if b.quick {
		c.size = imported / 10
	}
	defer c.stop()
	if err := c.start(ctx, 3); err != nil {
		return err
	}
	fmt.Fprint(b.out, "\n### Several nodes\n\nThree nodes and three members of etcd, all on this machine.\n")
	for _, step := range []func(context.Context) error{c.edits, c.imports, c.newNode, c.requests, c.failures, c.reimports} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// start makes nodes: one that has the users, and others that join it.
func (c *clusterBench) start(ctx context.Context, count int) (err error) {
	if c.slapd, err = fixture.StartSlapd(ctx, fixture.SlapdOptions{Dir: c.sub(fmt.Sprintf("cluster-slapd-%d", count)), Users: c.users}); err != nil {
		return err
	}
	if c.etcd, err = fixture.StartEtcd(ctx, fixture.EtcdOptions{Dir: c.sub(fmt.Sprintf("etcd-%d", count)), Direct: true}); err != nil {
		return err
	}
	c.options = fixture.NodesOptions{Etcd: c.etcd, Direct: true, Dialtree: c.dialtreeOptions(fmt.Sprintf("cluster-%d", count))}
	first, err := fixture.NewNode("node1", c.options)
	if err != nil {
		return err
	}
	c.nodes = append(c.nodes, first)
	if err := first.Configure(false); err != nil {
		return err
	}
	if err := first.Start(ctx); err != nil {
		return err
	}
	if err := c.content(ctx, first.Dialtree); err != nil {
		return err
	}
	first.Stop()
	if err := errors.Join(first.Configure(true), first.Init(ctx)); err != nil {
		return err
	}
	if err := first.Start(ctx); err != nil {
		return err
	}
	for i := 2; i <= count; i++ {
		n, err := fixture.NewNode(fmt.Sprintf("node%d", i), c.options)
		if err != nil {
			return err
		}
		c.nodes = append(c.nodes, n)
		if err := errors.Join(n.Join(ctx, first), n.Start(ctx)); err != nil {
			return err
		}
	}
	return c.together(ctx, c.nodes...)
}

func (c *clusterBench) stop() {
	for _, n := range c.nodes {
		n.Close()
	}
	if c.etcd != nil {
		c.etcd.Close()
	}
	c.slapd.Stop()
}

// endpoints are those of etcd, as a list for a flag.
func (c *clusterBench) endpoints() string {
	return "http://" + strings.Join(c.etcd.Endpoints(), ",http://")
}

func (c *clusterBench) dialtreeOptions(name string) fixture.DialtreeOptions {
	return fixture.DialtreeOptions{Binary: c.binary, Dir: c.sub(name), StartTime: clusterPatience,
		LDAP: []string{"max_connections_per_address: 10000", "anonymous_from: [127.0.0.0/8]"}}
}

// content is what a server has before anything is measured: ten thousand users, and a connector that has not run.
func (c *clusterBench) content(ctx context.Context, d *fixture.Dialtree) error {
	staff := filepath.Join(c.dir, "cluster-users.csv")
	if err := writeUsers(staff, c.users); err != nil {
		return err
	}
	return d.Apply(ctx, fmt.Sprintf(`kind: upstream
name: slapd
urls: ["ldap://%s"]
bind_dn: "uid=%%,%s"
max_connections: 64
---
kind: connector
name: staff
template: csv-users
source: {csv: {path: %q}}
authentication: {method: upstream, upstream: slapd}
---
kind: phonebook
name: town
readers: [everyone]
---
kind: phonebook
name: customers
readers: [everyone]
---
kind: connector
name: crm
template: csv-phonebook
target: phonebook/customers
key: customernumber
limits: {removals: 100%%}
source: {csv: {path: %q}}
`, c.slapd.Address, fixture.SlapdPeople, staff, c.file), "staff")
}

// together waits until the nodes are at the head.
func (c *clusterBench) together(ctx context.Context, nodes ...*fixture.Node) error {
	return c.await(ctx, "all nodes are at the head", func() bool {
		var at []uint64
		for _, n := range nodes {
			s, err := n.Cluster(ctx, "")
			if err != nil || s.Index != s.Head {
				return false
			}
			at = append(at, s.Index)
		}
		return len(slices.Compact(at)) == 1
	})
}

func (c *clusterBench) await(ctx context.Context, what string, so func() bool) error {
	for deadline := time.Now().Add(clusterPatience); !so(); time.Sleep(10 * time.Millisecond) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("it is not so that %s", what)
		}
	}
	return nil
}

// A sight is a connection that looks whether something is there.
type sight struct{ client *fixture.Client }

func (c *clusterBench) sights(ctx context.Context, nodes []*fixture.Node) (list []sight, err error) {
	for _, n := range nodes {
		client, err := fixture.Dial(ctx, n.Address, nil)
		if err != nil {
			return nil, err
		}
		list = append(list, sight{client})
	}
	return list, nil
}

func (s sight) finds(filter fixture.Filter) (bool, error) {
	s.client.SetDeadline(time.Now().Add(clusterPatience))
	found, err := s.client.Search(fixture.Search{Base: "ou=phonebook," + fixture.DialtreeBase, Scope: fixture.WholeSubtree, Filter: filter, Attributes: []string{"1.1"}})
	return len(found.Entries) == 1, err
}

// until is when all of them find something: each is asked again and again.
func until(sights []sight, filter fixture.Filter) (time.Time, error) {
	for deadline := time.Now().Add(clusterPatience); len(sights) > 0; {
		ok, err := sights[0].finds(filter)
		switch {
		case err != nil:
			return time.Time{}, err
		case ok:
			sights = sights[1:]
		case time.Now().After(deadline):
			return time.Time{}, fmt.Errorf("nobody finds %v", filter)
		}
	}
	return time.Now(), nil
}

// put makes a contact by the API, over a connection that is kept.
func put(ctx context.Context, client *http.Client, name string) (bool, error) {
	body, err := json.Marshal(map[string]any{"phonebook": "town", "displayname": name, "phone": []string{"+49 30 1234"}})
	if err != nil {
		return false, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://dialtree/api/v1/contacts", bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode < 300, err
}

// edits measures single changes: until they are acknowledged, and until every node's searches find them.
func (c *clusterBench) edits(ctx context.Context) error {
	count := 400
	if c.quick {
		count = 50
	}
	alone, err := c.alone(ctx)
	if err != nil {
		return err
	}
	defer alone.Stop()
	lonely, err := fixture.Dial(ctx, alone.Address, nil)
	if err != nil {
		return err
	}
	sights, err := c.sights(ctx, c.nodes)
	if err != nil {
		return err
	}
	one := &http.Client{Transport: c.nodes[0].SocketTransport(), Timeout: clusterPatience}
	single := &http.Client{Transport: alone.SocketTransport(), Timeout: clusterPatience}
	defer one.CloseIdleConnections()
	defer single.CloseIdleConnections()
	measured := map[string][]time.Duration{}
	measure := func(kind string, client *http.Client, sights []sight, name string) error {
		begin := time.Now()
		done, err := put(ctx, client, name)
		acknowledged := time.Now()
		if err != nil || !done {
			return fmt.Errorf("an edit was not done: %w", err)
		}
		seen, err := until(sights, fixture.Equal("cn", name))
		measured[kind+", acknowledged"] = append(measured[kind+", acknowledged"], acknowledged.Sub(begin))
		measured[kind+", from there to visible"] = append(measured[kind+", from there to visible"], seen.Sub(acknowledged))
		return err
	}
	for i := range count {
		if err := errors.Join(measure("alone", single, []sight{{lonely}}, fmt.Sprintf("Edit %d", i)), measure("three nodes", one, sights, fmt.Sprintf("Edit %d", i))); err != nil {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
	fmt.Fprintf(c.out, "\n%d changes of one entry, one after the other. Visible: the searches of all nodes find it.\n\n| | p50 | p99 | longest |\n|---|---:|---:|---:|\n", count)
	for _, kind := range []string{"alone, acknowledged", "alone, from there to visible", "three nodes, acknowledged", "three nodes, from there to visible"} {
		list := slices.Sorted(slices.Values(measured[kind]))
		fmt.Fprintf(c.out, "| %s | %.1f ms | %.1f ms | %.1f ms |\n", kind, milliseconds(list[len(list)/2]), milliseconds(list[len(list)*99/100]), milliseconds(list[len(list)-1]))
	}
	return nil
}

// alone is a server with the same content that shares it with nobody.
func (c *clusterBench) alone(ctx context.Context) (*fixture.Dialtree, error) {
	dir := c.sub(fmt.Sprintf("alone-%d", c.serial))
	c.serial++
	o := c.dialtreeOptions("")
	o.Dir = dir
	d, err := fixture.StartDialtree(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := c.content(ctx, d); err != nil {
		d.Stop()
		return nil, err
	}
	return d, nil
}

// source writes the contacts of an edition: each is another in each.
func (c *clusterBench) source(edition int) error {
	return writeContacts(c.file, c.size, 0, csvHead, func(w io.Writer, k contact) { writeCSV(w, contactAt(k.number, edition)) })
}

// edition finds the last contact of an edition.
func (c *clusterBench) edition(edition int) fixture.Filter {
	last := contactAt(c.size-1, edition)
	return fixture.And(fixture.Equal("customernumber", fmt.Sprintf("C%07d", last.number)), fixture.Equal("telephoneNumber", last.phone))
}

// run runs the connector.
func (c *clusterBench) run(ctx context.Context, d *fixture.Dialtree) (time.Duration, error) {
	start := time.Now()
	out, err := d.Command(ctx, "", "connector", "run", "crm")
	if err == nil && out.Code != 0 {
		err = fmt.Errorf("the import: exit code %d\n%s%s", out.Code, out.Stdout, out.Stderr)
	}
	return time.Since(start), err
}

// imports measures the import of very many contacts, alone and shared, and what it takes in etcd.
func (c *clusterBench) imports(ctx context.Context) error {
	if err := c.source(0); err != nil {
		return err
	}
	alone, err := c.alone(ctx)
	if err != nil {
		return err
	}
	lonely, err := fixture.Dial(ctx, alone.Address, nil)
	if err != nil {
		return err
	}
	aloneTook, err := c.run(ctx, alone)
	if err != nil {
		return err
	}
	ended := time.Now()
	seen, err := until([]sight{{lonely}}, c.edition(0))
	if err != nil {
		return err
	}
	aloneSeen := seen.Sub(ended)
	alone.Stop()
	before, _, err := c.etcd.Stored(ctx, "/dialtree/")
	if err != nil {
		return err
	}
	sights, err := c.sights(ctx, c.nodes)
	if err != nil {
		return err
	}
	took, err := c.run(ctx, c.nodes[0].Dialtree)
	if err != nil {
		return err
	}
	ended = time.Now()
	if seen, err = until(sights, c.edition(0)); err != nil {
		return err
	}
	shared := seen.Sub(ended)
	if err := c.together(ctx, c.nodes...); err != nil {
		return err
	}
	after, count, err := c.etcd.Stored(ctx, "/dialtree/")
	if err != nil {
		return err
	}
	info, err := os.Stat(c.file)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "\n%d contacts of %.0f bytes imported at one node.\n\n| | import | from its end until the searches of all nodes find them |\n|---|---:|---:|\n| alone | %.1f s | %.1f s |\n| three nodes | %.1f s | %.1f s |\n",
		c.size, float64(info.Size())/float64(c.size), aloneTook.Seconds(), aloneSeen.Seconds(), took.Seconds(), shared.Seconds())
	parts := after["parts"] - before["parts"]
	fmt.Fprintf(c.out, "\nIn etcd afterwards: %.1f MiB of pieces more (%d pieces in all), %.0f bytes a contact", mebibytes(parts), count["parts"], float64(parts)/float64(c.size))
	if s, err := c.nodes[0].Cluster(ctx, ""); err == nil {
		fmt.Fprintf(c.out, "; the latest snapshot, of change %d, has %.1f MiB, %.1f MiB of changes are behind it", s.Snapshot.Index, mebibytes(s.Snapshot.Bytes), mebibytes(s.Snapshot.Tail))
	}
	fmt.Fprintln(c.out, ".")
	return nil
}
