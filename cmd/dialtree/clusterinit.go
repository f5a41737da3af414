package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/cluster"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/config"
	"github.com/dialtree/dialtree/store"
)

func newClusterInitCommand(e *env) *cobra.Command {
	var replace bool
	c := &cobra.Command{
		Use:   "init",
		Short: "Make a new cluster with the content of this store; the server must not run",
		Long: `Init puts the content of this store into etcd, sealed, and makes this node the first of a
cluster. The configuration names the node and etcd. It makes the key that seals all that
goes to etcd where there is none: copy it to the other nodes before they join, and keep a
copy elsewhere: without it nobody can read what is in etcd.

With --replace the cluster is there already, and the content of this store, such as one
that was restored from a backup, becomes that of all its nodes: each of them takes it over
by itself, and what was changed since is gone.`,
		Example: `  dialtree cluster init --config /etc/dialtree/dialtree.yaml
  dialtree cluster init --replace`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := offlineCluster(c.Context(), e)
			if err != nil {
				return err
			}
			return initCluster(c.Context(), e, cfg, replace)
		},
	}
	c.Flags().BoolVar(&replace, "replace", false, "the cluster exists: give all its nodes the content of this store")
	return c
}

// offlineCluster returns the configuration of a node whose server does not run.
func offlineCluster(ctx context.Context, e *env) (*config.Config, error) {
	cfg, err := loadConfig(e)
	if err != nil {
		return nil, err
	}
	if !cfg.Clustered() {
		return nil, errNoCluster
	}
	return cfg, refuseRunning(ctx, cfg.DataDir)
}

func initCluster(ctx context.Context, e *env, cfg *config.Config, replace bool) (err error) {
	key, err := cluster.ReadKey(cfg.ClusterKeyFile())
	made := errors.Is(err, fs.ErrNotExist) && !replace
	switch {
	case made:
		if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
			return err
		}
		key, err = cluster.MakeKey(cfg.ClusterKeyFile())
	case err != nil:
		key, err = readClusterKey(cfg)
	}
	if err != nil {
		return err
	}
	defer func() {
		// A key that nothing was sealed with would only mislead whoever finds it.
		if doubt := (*store.DoubtError)(nil); made && err != nil && !errors.As(err, &doubt) {
			err = errors.Join(err, os.Remove(cfg.ClusterKeyFile()))
		}
	}()
	kv, err := connectEtcd(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer kv.Close()
	st, err := store.Open(ctx, store.Options{Dir: cfg.DataDir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	bar := newProgress(e)
	o := clusterOptions(cfg, kv, key, slog.New(slog.DiscardHandler))
	o.Store, o.Progress = st, bar.bytes
	err = cluster.Init(ctx, o, replace)
	bar.clear()
	if err != nil {
		return whereEtcdIs(cfg, err)
	}
	return tellInit(e, cfg, st, replace, made)
}

func tellInit(e *env, cfg *config.Config, st *store.Store, replace, made bool) error {
	counts := st.Counts()
	what := fmt.Sprintf("%s, %s, %s", count(counts.Users, "user"), count(counts.Contacts, "contact"), count(counts.SpeedDials, "speed dial"))
	if replace {
		_, err := fmt.Fprintf(e.stdout, "the content of %s is that of the cluster now (%s): every node takes it over when it runs\n", cfg.DataDir, what)
		return err
	}
	fmt.Fprintf(e.stdout, "made cluster %s with the content of %s (%s): %s is its first node\n", st.Membership().Cluster, cfg.DataDir, what, cfg.Cluster.Node)
	verb := "seals"
	if made {
		verb = "is new and seals"
	}
	_, err := fmt.Fprintf(e.stdout, `%s %s what goes to etcd: copy it to the other nodes, readable by their server only (0600), and to where you keep passwords
then start this node, and on each of the others run: dialtree cluster join
`, cfg.ClusterKeyFile(), verb)
	return err
}
