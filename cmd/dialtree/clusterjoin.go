package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/cluster"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/config"
)

func newClusterJoinCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "join",
		Short: "Take over the content of a cluster; the server must not run",
		Long: `Join fetches what the nodes of a cluster share, checks it, and makes it the content of this
node. The configuration names the node, etcd and the key file, which is copied from another
node. A store that is here already stays beside the new one, with the ending .before-join.
An interrupted join has not happened. A node that was away for however long need not join
again: it catches up when it starts.`,
		Example: "  dialtree cluster join --config /etc/dialtree/dialtree.yaml",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := offlineCluster(c.Context(), e)
			if err != nil {
				return err
			}
			return joinCluster(c.Context(), e, cfg)
		},
	}
}

func joinCluster(ctx context.Context, e *env, cfg *config.Config) error {
	key, err := readClusterKey(cfg)
	if err != nil {
		return err
	}
	kv, err := connectEtcd(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer kv.Close()
	before, err := os.Stat(storePath(cfg.DataDir))
	bar := newProgress(e)
	o := clusterOptions(cfg, kv, key, slog.New(slog.DiscardHandler))
	o.Progress = bar.bytes
	m, joinErr := cluster.Join(ctx, o, cfg.DataDir)
	bar.clear()
	if joinErr != nil {
		return whereEtcdIs(cfg, joinErr)
	}
	fmt.Fprintf(e.stdout, "%s is a node of cluster %s, with its content up to change %d: start it\n", cfg.Cluster.Node, m.Cluster, m.Index)
	if err == nil && before != nil {
		fmt.Fprintf(e.stdout, "the store that was there before is now %s: remove it when nothing in it is missed\n", storePath(cfg.DataDir)+".before-join")
	}
	return nil
}
