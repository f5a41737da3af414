package admin

import (
	"context"
	"slices"
	"time"
)

// A ClusterDoor is this node's part in a cluster. Its methods may be called concurrently.
type ClusterDoor interface {
	// Node is the name of this node.
	Node() string
	// Changeable is nil while this node can change what all share. Otherwise it says why not: where it is a *store.AwayError, also since when. It is asked
	// for every page that is shown, and waits for nothing.
	Changeable() error
	// Status tells how the cluster looks from here; members asks etcd's servers, too, which takes time where one is away. While etcd is away it tells
	// what was heard last.
	Status(ctx context.Context, members bool) (*Cluster, error)
	// Digest reads all that the nodes share and returns its SHA-256, in hexadecimal digits, and the position at which it was read.
	Digest(ctx context.Context) (digest string, index uint64, err error)
}

// A Cluster is how the nodes that share one content look from one of them.
type Cluster struct {
	Cluster   string          `json:"cluster" doc:"A UUID that all its nodes have in common"`
	Node      string          `json:"node" doc:"The one that answers"`
	Reachable bool            `json:"reachable" doc:"etcd answers this node"`
	Trouble   string          `json:"trouble,omitempty" doc:"Why nothing can be changed at this node, in a sentence"`
	Since     *time.Time      `json:"since,omitempty" doc:"When the trouble began"`
	Index     uint64          `json:"index" doc:"The last change that this node has"`
	Head      uint64          `json:"head" doc:"The last change of all nodes that this one has heard of"`
	Schema    int             `json:"schema" doc:"The version of the content's layout"`
	Elected   string          `json:"elected" doc:"The node that runs the schedules; empty: none"`
	Snapshot  ClusterSnapshot `json:"snapshot"`
	Nodes     []ClusterNode   `json:"nodes" doc:"Those that are registered, by name"`
	Missing   []MissingNode   `json:"missing,omitempty" doc:"Those that were registered within the last day, as far as this node has seen it"`
	Members   []EtcdMember    `json:"members" doc:"The servers of etcd, where they were asked for"`

	Digest      string `json:"digest,omitempty" doc:"Where it was asked for: the SHA-256 of all that the nodes share. Nodes at the same position have the same"`
	DigestIndex uint64 `json:"digest_index,omitempty" doc:"The position at which the digest was made"`
}

// A ClusterNode is one that is registered.
type ClusterNode struct {
	Name    string    `json:"name"`
	ID      string    `json:"id" doc:"Of its copy of the content: another one after a restore or when it joined anew"`
	Version string    `json:"version" doc:"Of the program"`
	Knows   int       `json:"knows" doc:"The newest layout of the content that it can work with"`
	Page    string    `json:"page,omitempty" doc:"Where its web page is"`
	Started time.Time `json:"started"`
	Seen    time.Time `json:"seen" doc:"When it told what follows"`
	Index   uint64    `json:"index" doc:"The last change that it has; by now they may be more"`
	Behind  uint64    `json:"behind" doc:"How many changes it lacks"`
	Elected bool      `json:"elected" doc:"It runs the schedules"`
	Trouble string    `json:"trouble,omitempty"`
}

// A MissingNode was registered and is no longer.
type MissingNode struct {
	Name string    `json:"name"`
	Page string    `json:"page,omitempty"`
	Seen time.Time `json:"seen" doc:"When it was seen last"`
}

// A ClusterSnapshot is the latest copy of the content that new nodes begin with.
type ClusterSnapshot struct {
	Index uint64     `json:"index"`
	Made  *time.Time `json:"made,omitempty" doc:"Absent: there is none yet"`
	Bytes int64      `json:"bytes"`
	Tail  int64      `json:"tail,omitempty" doc:"Bytes of the changes behind it. Absent: there are none, or this node does not know; the elected one does"`
}

// An EtcdMember is one of etcd's servers.
type EtcdMember struct {
	Name     string `json:"name"`
	Endpoint string `json:"endpoint"`
	Healthy  bool   `json:"healthy"`
	Leader   bool   `json:"leader"`
	Learner  bool   `json:"learner" doc:"It follows, and has no vote"`
	Version  string `json:"version"`
	Bytes    int64  `json:"bytes" doc:"The size of its database file"`
	InUse    int64  `json:"in_use" doc:"How many of these hold something: defragmenting gives back the rest"`
	Full     bool   `json:"full,omitempty" doc:"etcd's alarm NOSPACE is on: nothing can be changed at any node until there is room and it is disarmed"`
	Error    string `json:"error,omitempty"`
}

// Full tells whether etcd takes no changes because it has no room: all of its members know, whichever it is.
func (c *Cluster) Full() bool {
	return slices.ContainsFunc(c.Members, func(m EtcdMember) bool { return m.Full })
}

// Voters counts the members that have a vote.
func (c *Cluster) Voters() int {
	n := 0
	for _, m := range c.Members {
		if !m.Learner {
			n++
		}
	}
	return n
}
