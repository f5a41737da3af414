package admin

import "time"

// MostMissed is how many nodes that are gone are remembered.
const MostMissed = mostMissed

// A ClusterWatch remembers what a look at the cluster does not show.
type ClusterWatch struct{ watch clusterWatch }

// Note remembers what a look showed.
func (w *ClusterWatch) Note(c *Cluster, now time.Time) { w.watch.note(c, now) }

// Attention finds what somebody should look at.
func (w *ClusterWatch) Attention(c *Cluster, now time.Time) []Attention {
	return w.watch.attention(c, now)
}

// Known is how many nodes are remembered.
func (w *ClusterWatch) Known() int { return len(w.watch.known) }

// ProblemOf returns what an error is told as.
func (s *Server) ProblemOf(err error) *Problem { return s.problemOf(err) }
