package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/cluster"
	"github.com/dialtree/dialtree/cluster/etcd"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/config"
	"github.com/dialtree/dialtree/store"
)

func newClusterCommand(e *env) *cobra.Command {
	return group("cluster", "See the nodes that share one content, and make, enter or leave such a cluster",
		newClusterStatusCommand(e), newClusterInitCommand(e), newClusterJoinCommand(e), newClusterLeaveCommand(e))
}

// errNoCluster is a configuration without the section that a command needs.
var errNoCluster = errors.New("the configuration has no section cluster: give it node and etcd.endpoints first (`dialtree config check` looks at them), and name it with --config")

// connectEtcd returns a client of the configuration's etcd. It touches no network yet.
func connectEtcd(c *config.Config, logger *slog.Logger) (*etcd.Client, error) {
	password, err := c.EtcdPassword()
	if err != nil {
		return nil, err
	}
	s := &c.Cluster.Etcd
	return etcd.New(etcd.Options{
		Endpoints: s.Endpoints, Prefix: s.Prefix,
		CAFile: s.CAFile, CertFile: s.CertFile, KeyFile: s.KeyFile,
		Username: s.Username, Password: etcd.Password(password),
		Logger: logger,
	})
}

// whereEtcdIs adds to an error of a command what to look at where etcd was not reached or does not let this node in.
func whereEtcdIs(c *config.Config, err error) error {
	s := &c.Cluster.Etcd
	switch {
	case errors.Is(err, cluster.ErrUnreachable):
		keys := "cluster.etcd.endpoints"
		if strings.HasPrefix(s.Endpoints[0], "https://") {
			keys += " and cluster.etcd.ca_file"
		}
		return fmt.Errorf("%w: look whether etcd runs at %s, and at %s in the configuration", err, strings.Join(s.Endpoints, ", "), keys)
	case errors.Is(err, cluster.ErrDenied):
		return fmt.Errorf("%w: look at cluster.etcd.cert_file and key_file, or username and password, in the configuration, and at the rights below %s in etcd", err, s.Prefix)
	}
	return err
}

// readClusterKey reads the key that seals what goes to etcd.
func readClusterKey(c *config.Config) (cluster.Key, error) {
	key, err := cluster.ReadKey(c.ClusterKeyFile())
	if errors.Is(err, fs.ErrPermission) {
		return key, fmt.Errorf("the key of the cluster in %s cannot be read: it must belong to the user that the server runs as, and be readable by him alone (0600)", c.ClusterKeyFile())
	}
	if errors.Is(err, fs.ErrNotExist) {
		return key, fmt.Errorf("there is no key of the cluster in %s: copy it from another node, readable by its owner only (0600); `dialtree cluster init` makes it on the first one", c.ClusterKeyFile())
	}
	return key, err
}

// clusterOptions are what package cluster needs of a configuration, beside the store.
func clusterOptions(c *config.Config, kv cluster.KV, key cluster.Key, logger *slog.Logger) cluster.Options {
	return cluster.Options{
		KV: kv, Key: key, Node: c.Cluster.Node, Logger: logger,
		Version: buildVersion().Version, NoCompact: !c.Cluster.Etcd.Compact,
	}
}

// checkStoreIsThere refuses to begin an empty store where one of a cluster is to be: it would have to be put aside again.
func checkStoreIsThere(c *config.Config) error {
	entries, err := os.ReadDir(c.DataDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		// One that is about to take its place is finished by whoever opens it.
		if name := e.Name(); name == filepath.Base(storePath(c.DataDir)) || strings.HasSuffix(name, ".ready") {
			return nil
		}
	}
	return fmt.Errorf("the configuration has a section cluster, but there is no store of it in %s: `dialtree cluster join` takes over the content of the cluster, `dialtree cluster init` makes a new one", c.DataDir)
}

// checkMembership refuses a store and a configuration of which one shares its content and the other does not: the server would change
// what the others never see, or be without them.
func checkMembership(c *config.Config, m store.Membership) error {
	switch member := m.Cluster != ""; {
	case c.Clustered() && !member:
		return fmt.Errorf("the configuration has a section cluster, but the store in %s is alone: `dialtree cluster join` takes over the content of a cluster that there is, and keeps this store beside it; `dialtree cluster init` makes a new cluster with the content of this store",
			c.DataDir)
	case !c.Clustered() && member:
		return fmt.Errorf("the store in %s shares its content with other nodes, but the configuration has no section cluster: put it back, or make the store one of its own with `dialtree cluster leave`", c.DataDir)
	}
	return nil
}
