//go:build e2e

package e2e_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// upgradeTime is more than it takes from the last node's upgrade until the content is upgraded: 40 seconds, of which 10 are the lease of the node that is away.
const upgradeTime = 2 * time.Minute

// nextRelease is the program as it may be in its next release: it knows a schema version more.
func nextRelease(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "dialtree")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-tags", "schemastep", "-o", program, "github.com/dialtree/dialtree/cmd/dialtree")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// Nodes are upgraded one after the other, and work together meanwhile. When all know the next schema, the content gets it. One that was away and does
// not know it says so and serves on, until it is upgraded too.
func mixedVersions(t *testing.T) {
	next := nextRelease(t)
	// Each node has a program of its own, that can be replaced.
	program := func(o *fixture.NodesOptions) string {
		path := filepath.Join(t.TempDir(), "dialtree")
		copyFile(t, must[string](t)(binary()), path)
		o.Dialtree.Binary = path
		return path
	}
	o := nodesOptions(t)
	first := program(&o)
	nodes := startNodes(t, 1, o, townObjects)
	second := program(&o)
	nodes = append(nodes, joinNode(t, "node2", o, nodes[0]))
	third := program(&o)
	copyFile(t, next, third)
	nodes = append(nodes, joinNode(t, "node3", o, nodes[0]))
	schema := func(n *fixture.Node) int {
		t.Helper()
		return must[fixture.ClusterStatus](t)(n.Cluster(t.Context(), "")).Schema
	}
	old := schema(nodes[0])
	if got := schema(nodes[2]); got != old {
		t.Fatalf("the new one joined with schema %d, the others have %d", got, old)
	}
	for _, n := range nodes {
		put(t, n, "Mixed by "+n.Name)
	}
	for _, n := range nodes {
		everywhere(t, "Mixed by "+n.Name, 1, nodes...)
	}
	together(t, nodes...)

	upgrade := func(n *fixture.Node, path string) {
		t.Helper()
		n.Stop()
		copyFile(t, next, path)
		check(t, n.Start(t.Context()))
	}
	// One is away while the others are upgraded: it is not waited for.
	nodes[1].Part(fixture.Silent)
	upgrade(nodes[0], first)
	start := time.Now()
	for schema(nodes[0]) == old {
		if time.Since(start) > upgradeTime {
			t.Fatalf("the content still has schema %d", old)
		}
		put(t, nodes[2], anotherName("While it waits"))
		time.Sleep(time.Second)
	}
	t.Logf("upgraded after %v", time.Since(start).Round(time.Second))
	put(t, nodes[2], "Of the next schema")
	everywhere(t, "Of the next schema", 1, nodes[0], nodes[2])

	nodes[1].Part(fixture.Open)
	eventually(t, "the old one says that it is too old", func() bool {
		s, err := nodes[1].Cluster(t.Context(), "")
		return err == nil && strings.Contains(s.Trouble, "schema")
	})
	if got := sees(t, nodes[1], townBase, fixture.Equal("cn", "Mixed by node1")); got != 1 {
		t.Errorf("the old one finds %d of what it has", got)
	}
	if a := putContact(t, nodes[1], "By the old one"); a.status != 503 {
		t.Errorf("a change at the old one: %d %s", a.status, a.body)
	}
	upgrade(nodes[1], second)
	everywhere(t, "Of the next schema", 1, nodes...)
	everywhere(t, "By the old one", 0, nodes...)
	put(t, nodes[1], "By the new one")
	everywhere(t, "By the new one", 1, nodes...)
	together(t, nodes...)
}
