package admin

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/admin/access"
)

// clusterTimeout bounds how long the look at a cluster may take: a server of etcd that is away keeps those waiting who ask it.
const clusterTimeout = 8 * time.Second

// aloneText answers who asks a node that is alone for its cluster.
const aloneText = "this node is alone: it shares its content with no other node, as its configuration has no section `cluster`"

type clusterInput struct {
	Members bool `query:"members" doc:"Ask the servers of etcd how they are"`
	Digest  bool `query:"digest" doc:"Compute the digest of the content: it reads all of it"`
}

func (s *Server) clusterRoutes(api huma.API) {
	register(s, api, access.Read, huma.Operation{OperationID: "cluster", Method: http.MethodGet, Path: "/cluster", Tags: []string{"cluster"},
		Summary: "The nodes that share one content",
		Description: "How they look from the node that is asked, which knows its own position exactly and that of the others as they told it last. A node that is alone answers 404. " +
			"To see whether two nodes have the same content, compare their `digest` where `digest_index` is the same.",
		Metadata: map[string]any{streams: true}}, // a digest of a large content takes its time
		func(ctx context.Context, in *clusterInput) (*body[*Cluster], error) {
			c, err := s.cluster(ctx, *in)
			return &body[*Cluster]{c}, err
		})
}

func (s *Server) cluster(ctx context.Context, in clusterInput) (*Cluster, error) {
	if s.options.Cluster == nil {
		return nil, newProblem(http.StatusNotFound, aloneText)
	}
	asked := s.options.Now()
	c, err := s.askCluster(ctx, in.Members)
	if err != nil {
		return nil, err
	}
	s.clusterWatch.note(c, asked)
	c.Missing = s.clusterWatch.missing(c, asked)
	if in.Digest {
		c.Digest, c.DigestIndex, err = s.options.Cluster.Digest(ctx)
	}
	return c, err
}

func (s *Server) askCluster(ctx context.Context, members bool) (*Cluster, error) {
	ctx, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	c, err := s.options.Cluster.Status(ctx, members)
	if err != nil {
		return nil, err
	}
	if c.Nodes == nil {
		c.Nodes = []ClusterNode{}
	}
	if c.Members == nil {
		c.Members = []EtcdMember{}
	}
	return c, nil
}

// ClusterOptions say what else a look at the cluster asks for.
type ClusterOptions struct {
	Members bool // how the servers of etcd are
	Digest  bool // the digest of the content
}

// Cluster tells how the cluster looks from the server. Where the server is alone, the error is a *Problem with the status 404.
func (c *Client) Cluster(ctx context.Context, o ClusterOptions) (*Cluster, error) {
	query := url.Values{}
	if o.Members {
		query.Set("members", "true")
	}
	if o.Digest {
		query.Set("digest", "true")
	}
	out := new(Cluster)
	return out, c.do(ctx, http.MethodGet, "/cluster", query, nil, out)
}
