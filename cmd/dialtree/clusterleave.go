package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/cluster"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/config"
	"github.com/dialtree/dialtree/store"
)

func newClusterLeaveCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "leave",
		Short: "Make this node's store one of its own, with all that it has; the server must not run",
		Long: `Leave ends this node's part in a cluster. Its store keeps everything and is changed here
alone from then on; the other nodes go on without it. It works while etcd is away, too, and
after the section cluster was taken out of the configuration. Where this was the last node,
it says how to remove what is left in etcd.`,
		Example: "  dialtree cluster leave --config /etc/dialtree/dialtree.yaml",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(e)
			if err != nil {
				return err
			}
			if err := refuseRunning(c.Context(), cfg.DataDir); err != nil {
				return err
			}
			return leaveCluster(c.Context(), e, cfg)
		},
	}
}

func leaveCluster(ctx context.Context, e *env, cfg *config.Config) (err error) {
	st, err := store.Open(ctx, store.Options{Dir: cfg.DataDir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	m := st.Membership()
	if m.Cluster == "" {
		return fmt.Errorf("the store in %s is alone: there is no cluster to leave", cfg.DataDir)
	}
	told, err := takeOut(ctx, cfg, st)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "the store in %s has left cluster %s and is one of its own, with its content up to change %d\n", cfg.DataDir, m.Cluster, m.Index)
	if cfg.Clustered() {
		fmt.Fprintln(e.stdout, "take the section cluster out of the configuration before you start the server")
	}
	if !told {
		fmt.Fprintln(e.stdout, "etcd was not told: the other nodes see by themselves that this one is gone")
	}
	return tellLeftovers(e, cfg)
}

// takeOut has a store leave its cluster, whether the configuration and etcd still know of it or not.
func takeOut(ctx context.Context, cfg *config.Config, st *store.Store) (told bool, err error) {
	if !cfg.Clustered() {
		return false, st.Leave(ctx)
	}
	key, err := readClusterKey(cfg)
	if err != nil {
		return false, st.Leave(ctx) // it is of no use to somebody who leaves
	}
	kv, err := connectEtcd(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return false, err
	}
	defer kv.Close()
	o := clusterOptions(cfg, kv, key, slog.New(slog.DiscardHandler))
	o.Store = st
	return cluster.Leave(ctx, o)
}

// tellLeftovers says what a cluster without nodes leaves behind. This node cannot know whether others that do not run now belong to it.
func tellLeftovers(e *env, cfg *config.Config) error {
	prefix, endpoints := config.Default().Cluster.Etcd.Prefix, "https://…"
	if cfg.Clustered() {
		prefix, endpoints = cfg.Cluster.Etcd.Prefix, strings.Join(cfg.Cluster.Etcd.Endpoints, ",")
	}
	_, err := fmt.Fprintf(e.stdout, `what the cluster shares is still in etcd, sealed, for its other nodes. If this was the last one, remove it:
  ETCDCTL_ENDPOINTS=%s etcdctl del --prefix %s
`, endpoints, prefix)
	return err
}
