package admin_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/store"
)

// fakeCluster is a cluster as a test says it is.
type fakeCluster struct {
	mu     sync.Mutex // guards what follows
	status admin.Cluster
	err    error // of Status
	away   error // of Changeable
	asked  int   // how often etcd's members were asked
}

func (f *fakeCluster) Node() string { return "berlin-1" }

func (f *fakeCluster) Changeable() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.away
}

func (f *fakeCluster) Status(_ context.Context, members bool) (*admin.Cluster, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.status
	if !members {
		c.Members = nil
		return &c, f.err
	}
	f.asked++
	return &c, f.err
}

func (f *fakeCluster) Digest(context.Context) (string, uint64, error) { return "d16e57", 41, nil }

// set changes how the cluster is.
func (f *fakeCluster) set(change func(*fakeCluster)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func wellCluster(now time.Time) admin.Cluster {
	made := now.Add(-time.Hour)
	return admin.Cluster{Cluster: "5f0c", Node: "berlin-1", Reachable: true, Index: 42, Head: 42, Schema: 5, Elected: "berlin-2",
		Snapshot: admin.ClusterSnapshot{Index: 40, Made: &made, Bytes: 1000, Tail: 20},
		Nodes:    []admin.ClusterNode{{Name: "berlin-1", Index: 42}, {Name: "berlin-2", Index: 42, Elected: true}},
		Members:  []admin.EtcdMember{{Name: "e1", Healthy: true, Leader: true}, {Name: "e2", Healthy: true}, {Name: "e3", Healthy: true}}}
}

func TestClusterOfANodeThatIsAlone(t *testing.T) {
	b := start(t)
	_, err := b.client.Cluster(t.Context(), admin.ClusterOptions{})
	var problem *admin.Problem
	if !errors.As(err, &problem) || problem.Status != http.StatusNotFound || !strings.Contains(problem.Detail, "this node is alone") {
		t.Error(err)
	}
}

func TestClusterRoute(t *testing.T) {
	cluster := &fakeCluster{status: wellCluster(time.Now())}
	b := startWith(t, func(o *admin.Options) { o.Cluster = cluster })
	c, err := b.client.Cluster(t.Context(), admin.ClusterOptions{})
	if err != nil || c.Elected != "berlin-2" || len(c.Nodes) != 2 || c.Members == nil || len(c.Members) > 0 || c.Digest != "" || c.Snapshot.Made == nil {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err = b.client.Cluster(t.Context(), admin.ClusterOptions{Members: true, Digest: true}); err != nil || len(c.Members) != 3 || c.Digest != "d16e57" || c.DigestIndex != 41 {
		t.Errorf("%+v, %v", c, err)
	}
	cluster.set(func(f *fakeCluster) { f.status.Nodes = f.status.Nodes[:1] })
	if c, err = b.client.Cluster(t.Context(), admin.ClusterOptions{}); err != nil || len(c.Missing) != 1 || c.Missing[0].Name != "berlin-2" {
		t.Errorf("nobody is missed: %+v, %v", c, err)
	}
	cluster.set(func(f *fakeCluster) { f.status.Nodes = nil })
	if w := b.visitor().ask(t, http.MethodGet, "/api/v1/cluster", ""); w.Code != http.StatusUnauthorized {
		t.Errorf("nobody may see the cluster: %d", w.Code)
	}
}

// The node serves on while nothing can be changed, and says so where somebody looks.
func TestServingNotChanging(t *testing.T) {
	since := time.Now().Add(-time.Hour)
	cluster := &fakeCluster{status: wellCluster(since)}
	var standing admin.Standing
	b := startWith(t, func(o *admin.Options) {
		o.Cluster = cluster
		o.Page = func(*admin.Client) http.Handler {
			return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { standing = admin.StandingOf(r.Context()) })
		}
	})
	look := func() (*admin.Overview, *admin.Status) {
		o, err := b.client.Overview(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		status, err := b.client.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b.visitor().ask(t, http.MethodGet, "/", "")
		return o, status
	}
	o, status := look()
	if attentionFor(o, "not_changing") != nil || status.Ready.Changes != "ok" || standing != (admin.Standing{Node: "berlin-1"}) {
		t.Errorf("while all is well: %+v, %+v, %+v", o.Attention, status.Ready, standing)
	}
	cluster.set(func(f *fakeCluster) {
		f.away, f.status.Reachable = &store.AwayError{Err: errors.New("etcd does not answer"), Since: since}, false
	})
	o, status = look()
	if !o.Ready || !status.Ready.Ready || status.Ready.Changes != "serving, not changing: etcd does not answer" {
		t.Errorf("ready is %+v", status.Ready)
	}
	if a := o.Attention[0]; a.Code != "not_changing" || a.Severity != "critical" || a.Subject != "berlin-1" || a.Since == nil || !strings.Contains(a.Text, "serving, not changing: logins and searches go on") {
		t.Errorf("the worst is %+v", a)
	}
	if standing.Trouble != "etcd does not answer" || standing.Since == nil || !standing.Since.Equal(since.Truncate(time.Second)) {
		t.Errorf("pages say %+v", standing)
	}

	// A full etcd answers, and refuses each change by itself.
	const full = "etcd has no space left"
	members := func(full string) {
		cluster.set(func(f *fakeCluster) {
			f.away, f.status = nil, wellCluster(since)
			f.status.Members[1].Full, f.status.Members[1].Healthy, f.status.Members[1].Error = full != "", full == "", full
		})
		if _, err := b.client.Cluster(t.Context(), admin.ClusterOptions{Members: true}); err != nil {
			t.Fatal(err)
		}
	}
	members(full)
	o, status = look()
	if !status.Ready.Ready || status.Ready.Changes != "serving, not changing: "+full || standing.Trouble != full {
		t.Errorf("ready is %+v, and pages say %+v", status.Ready, standing)
	}
	if attentionFor(o, "etcd_full") == nil || attentionFor(o, "not_changing") != nil {
		t.Errorf("what needs attention is %+v", o.Attention)
	}
	members("")
	if _, status = look(); status.Ready.Changes != "ok" || standing.Trouble != "" {
		t.Errorf("ready is %+v, and pages say %+v", status.Ready, standing)
	}
}

func TestClusterAttention(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*admin.Cluster)
		after  time.Duration // since it became so
		want   string        // code, severity and subject; empty: nothing
	}{
		{"all is well", func(*admin.Cluster) {}, time.Hour, ""},
		{"far behind", func(c *admin.Cluster) { c.Nodes[1].Behind = 1000 }, 0, "node_behind warning berlin-2"},
		{"a little behind", func(c *admin.Cluster) { c.Nodes[1].Behind = 3 }, time.Minute, ""},
		{"a little behind for long", func(c *admin.Cluster) { c.Nodes[1].Behind = 3 }, 4 * time.Minute, "node_behind warning berlin-2"},
		{"another has trouble", func(c *admin.Cluster) { c.Nodes[1].Trouble = "its disk is full" }, 0, "node_trouble warning berlin-2"},
		{"one is gone", func(c *admin.Cluster) { c.Nodes = c.Nodes[:1] }, time.Minute, "node_missing warning berlin-2"},
		{"one is gone for good", func(c *admin.Cluster) { c.Nodes = c.Nodes[:1] }, 25 * time.Hour, ""},
		{"between two elections", func(c *admin.Cluster) { c.Elected = "" }, time.Minute, ""},
		{"none is elected", func(c *admin.Cluster) { c.Elected = "" }, 3 * time.Minute, "no_elected warning berlin-1"},
		{"a snapshot that is old because little changes", func(c *admin.Cluster) { c.Snapshot.Made = ago(300 * 24 * time.Hour) }, 0, ""},
		{"4,000 changes behind the snapshot", func(c *admin.Cluster) { c.Head, c.Index = 4040, 4040 }, 0, ""},
		{"one more", func(c *admin.Cluster) { c.Head, c.Index = 4041, 4041 }, 0, "snapshot_old warning berlin-2"},
		{"much behind the snapshot", func(c *admin.Cluster) { c.Snapshot.Tail = 1 << 30 }, 0, "snapshot_old warning berlin-2"},
		{"a server of etcd is away", func(c *admin.Cluster) {
			c.Members = []admin.EtcdMember{{Name: "e1", Healthy: true}, {Name: "e2", Healthy: true}, {Name: "e3"}}
		}, 0, "etcd_member warning e3"},
		{"etcd is full", func(c *admin.Cluster) {
			c.Members = []admin.EtcdMember{{Name: "e1", Full: true, Error: "no space"}, {Name: "e2", Full: true, Error: "no space"}, {Name: "e3"}}
		}, 0, "etcd_full critical etcd"},
		{"two servers of etcd", func(c *admin.Cluster) { c.Members = c.Members[:2:2] }, 0, "etcd_few note etcd"},
		{"a learner has no vote", func(c *admin.Cluster) {
			c.Members = append(c.Members[:2:2], admin.EtcdMember{Name: "l", Healthy: true, Learner: true})
		}, 0, "etcd_few note etcd"},
		{"etcd is away", func(c *admin.Cluster) { c.Reachable, c.Nodes, c.Elected = false, nil, "" }, time.Hour, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now := time.Now()
			var w admin.ClusterWatch
			before := wellCluster(now)
			w.Note(&before, now)
			c := wellCluster(now)
			c.Nodes = append([]admin.ClusterNode(nil), c.Nodes...)
			tt.change(&c)
			w.Note(&c, now)
			w.Note(&c, now.Add(tt.after))
			got := ""
			for _, a := range w.Attention(&c, now.Add(tt.after)) {
				got += a.Code + " " + a.Severity + " " + a.Subject
				if a.Text == "" || strings.Contains(a.Text, "%!") {
					t.Errorf("it says %q", a.Text)
				}
			}
			if got != tt.want {
				t.Errorf("it finds %q, want %q", got, tt.want)
			}
		})
	}
}

func ago(d time.Duration) *time.Time {
	at := time.Now().Add(-d)
	return &at
}

// The servers of etcd are not asked for each look at the overview, and one that cannot be asked costs nobody the overview.
func TestOverviewAsksTheClusterNowAndThen(t *testing.T) {
	cluster := &fakeCluster{status: wellCluster(time.Now()), err: errors.New("no answer")}
	b := startWith(t, func(o *admin.Options) { o.Cluster = cluster })
	for range 3 {
		if _, err := b.client.Overview(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	cluster.set(func(f *fakeCluster) { f.err, f.asked = nil, 0 })
	for range 5 {
		if _, err := b.client.Overview(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	cluster.mu.Lock()
	defer cluster.mu.Unlock()
	if cluster.asked != 1 {
		t.Errorf("it was asked %d times", cluster.asked)
	}
}

// What is remembered of nodes that come and go has a bound.
func TestMissedNodesAreForgotten(t *testing.T) {
	now := time.Now()
	var w admin.ClusterWatch
	for i := range 3000 {
		c := admin.Cluster{Reachable: true, Nodes: []admin.ClusterNode{{Name: "n" + time.Duration(i).String()}}}
		w.Note(&c, now)
	}
	if n := w.Known(); n > admin.MostMissed+1 {
		t.Errorf("%d are remembered", n)
	}
}

// Whoever changes something meanwhile is told in the API's words.
func TestChangesWhileEtcdIsAway(t *testing.T) {
	for _, err := range []error{&store.AwayError{Err: context.DeadlineExceeded}, &store.DoubtError{Err: context.Canceled}} {
		b := start(t)
		p := b.server.ProblemOf(err)
		if p.Status != http.StatusServiceUnavailable || p.Detail != err.Error() {
			t.Errorf("%v became %d %s", err, p.Status, p.Detail)
		}
	}
}
