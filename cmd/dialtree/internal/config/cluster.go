package config

import (
	"errors"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"github.com/dialtree/dialtree/admin/yamldoc"
	"github.com/dialtree/dialtree/store"
)

// Cluster says with whom this server shares its content, and through which etcd.
type Cluster struct {
	Node    string `yaml:"node" example:"pbx1"` // empty: it is alone
	Etcd    Etcd   `yaml:"etcd"`
	KeyFile string `yaml:"key_file" example:"/etc/dialtree/cluster.key"` // see ClusterKeyFile
}

// Etcd says how etcd is reached.
type Etcd struct {
	Endpoints Endpoints    `yaml:"endpoints" example:"[https://10.0.0.1:2379]"`
	Prefix    string       `yaml:"prefix" example:"/dialtree/"`
	CAFile    string       `yaml:"ca_file" example:"/etc/dialtree/etcd-ca.pem"`
	CertFile  string       `yaml:"cert_file" example:"/etc/dialtree/etcd.pem"`
	KeyFile   string       `yaml:"key_file" example:"/etc/dialtree/etcd-key.pem"`
	Username  string       `yaml:"username" example:"dialtree"`
	Password  store.Secret `yaml:"password"`
	Compact   bool         `yaml:"compact"`
}

// Endpoints are the URLs of etcd's servers.
type Endpoints []string

// UnmarshalYAML reads one URL or a list.
func (e *Endpoints) UnmarshalYAML(n *yaml.Node) error {
	list, err := texts(n, "[https://10.0.0.1:2379]")
	if err != nil {
		return err
	}
	*e = list
	return nil
}

// Clustered tells whether the server shares its content with others.
func (c *Config) Clustered() bool { return c.Cluster.Node != "" }

// ClusterKeyFile is the file with the key that seals what goes to etcd.
func (c *Config) ClusterKeyFile() string {
	if c.Cluster.KeyFile != "" {
		return c.Cluster.KeyFile
	}
	return filepath.Join(c.DataDir, "cluster.key")
}

// EtcdPassword resolves the password for etcd. Load does not: most commands need none and may run where it cannot be read.
// An error says where the configuration has it, and never what it is.
func (c *Config) EtcdPassword() (string, error) {
	const key = "cluster.etcd.password"
	value, err := c.Cluster.Etcd.Password.Resolve()
	if err != nil {
		return "", yamldoc.Problems{{File: c.Origins[key].Where, Path: key, Message: err.Error()}}
	}
	return value, nil
}

// errNoAuthority is a file that holds no certificate to trust.
var errNoAuthority = errors.New("holds no certificate: it must be PEM (-----BEGIN CERTIFICATE-----), that of the authority which signed etcd's certificates")
