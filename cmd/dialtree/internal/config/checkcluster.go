package config

import (
	"crypto/x509"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// nodeName is the form of a node's name: it stands in keys of etcd, in logs and in metrics.
var nodeName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$`)

// checkCluster checks the section of those that share their content. A section without a name and an etcd is none.
func (l *loader) checkCluster() {
	c := &l.config.Cluster
	if c.Node == "" && len(c.Etcd.Endpoints) == 0 {
		if key := l.otherClusterKey(); key != "" {
			l.add(key, "needs cluster.node and cluster.etcd.endpoints too: leave the whole section out where this server is alone")
		}
		return
	}
	switch {
	case c.Node == "":
		l.add("cluster.node", "must name this node among those that share the content, such as pbx1")
	case !nodeName.MatchString(c.Node):
		l.add("cluster.node", "must be a name such as pbx1: up to 63 small letters, digits, dots and hyphens, the first and the last no dot or hyphen, not %q", c.Node)
	}
	secure := l.checkEndpoints(c.Etcd.Endpoints)
	l.checkPrefix(c.Etcd.Prefix)
	if !l.mistaken("cluster.etcd.endpoints") {
		l.checkEtcdTLS(secure)
	}
	if c.Etcd.Username != "" && c.Etcd.Password.IsZero() && !l.mistaken("cluster.etcd.password") {
		l.add("cluster.etcd.username", "needs cluster.etcd.password too: etcd knows its users by both")
	}
	if c.Etcd.Username == "" && !c.Etcd.Password.IsZero() {
		l.add("cluster.etcd.password", "needs cluster.etcd.username too: etcd knows its users by both")
	}
	if c.Etcd.Password.IsMasked() {
		l.add("cluster.etcd.password", "stands for a password that is shown elsewhere: write the password itself, {env: NAME} or {file: PATH}")
	}
}

// otherClusterKey is a key of the section that was given though the section is none.
func (l *loader) otherClusterKey() string {
	defaults := Default().leaves()
	for i, leaf := range l.config.leaves() {
		if strings.HasPrefix(leaf.key, "cluster.") && l.given(leaf.key) && !leaf.value.IsZero() && shown(leaf.value) != shown(defaults[i].value) {
			return leaf.key
		}
	}
	return ""
}

// checkEndpoints tells whether etcd is reached with TLS.
func (l *loader) checkEndpoints(endpoints Endpoints) (secure bool) {
	const key = "cluster.etcd.endpoints"
	if len(endpoints) == 0 {
		l.add(key, "must hold the servers of etcd, such as [https://10.0.0.1:2379, https://10.0.0.2:2379, https://10.0.0.3:2379]")
	}
	plain := false
	for i, endpoint := range endpoints {
		u, err := url.Parse(endpoint)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/")+u.RawQuery+u.Fragment != "" {
			l.add(key, "must be URLs such as https://10.0.0.1:2379, not %q", withoutUser(endpoint))
			continue
		}
		if n, err := strconv.Atoi(u.Port()); err != nil || n < 1 || n > 65535 {
			l.add(key, "%s must end in a port from 1 to 65535; that of etcd's clients is 2379", endpoint)
			continue
		}
		if slices.Index(endpoints, endpoint) < i {
			l.add(key, "%s is given twice: keep one of them", endpoint)
		}
		secure, plain = secure || u.Scheme == "https", plain || u.Scheme == "http"
	}
	if secure && plain {
		l.add(key, "must be all https or all http: what one server hides another would show")
	}
	return secure
}

// withoutUser is what may be shown of a text that somebody took for a URL: it may hold a password.
func withoutUser(text string) string {
	if i := strings.LastIndex(text, "@"); i >= 0 {
		return "…" + text[i:]
	}
	return text
}

func (l *loader) checkPrefix(prefix string) {
	const key, most = "cluster.etcd.prefix", 200
	control := func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\uFFFD' }
	if len(prefix) < 3 || !strings.HasPrefix(prefix, "/") || !strings.HasSuffix(prefix, "/") || strings.Contains(prefix, "//") || strings.ContainsFunc(prefix, control) {
		l.add(key, "must be a path that begins and ends with a slash, such as /dialtree/, not %q", prefix)
	} else if len(prefix) > most {
		l.add(key, "has %d bytes: at most %d are allowed", len(prefix), most)
	}
}

func (l *loader) checkEtcdTLS(secure bool) {
	e := &l.config.Cluster.Etcd
	for _, file := range []struct{ key, path string }{
		{"cluster.etcd.ca_file", e.CAFile}, {"cluster.etcd.cert_file", e.CertFile}, {"cluster.etcd.key_file", e.KeyFile},
	} {
		if file.path != "" && !secure {
			l.add(file.key, "needs endpoints with https: certificates are of no use without TLS")
			return
		}
	}
	l.checkCertificate("cluster.etcd", e.CertFile, e.KeyFile)
	if e.CAFile == "" {
		return
	}
	text, err := readBounded(e.CAFile)
	if err == nil && !x509.NewCertPool().AppendCertsFromPEM(text) {
		err = errNoAuthority
	}
	if err != nil {
		l.add("cluster.etcd.ca_file", "%s %v", e.CAFile, err)
	}
}

// warnOfCluster notes what gives away what nodes share.
func (l *loader) warnOfCluster(note func(key, format string, args ...any)) {
	c := l.config
	if !c.Clustered() {
		return
	}
	for _, endpoint := range c.Cluster.Etcd.Endpoints {
		u, err := url.Parse(endpoint)
		if err != nil || u.Scheme == "https" || isLoopback(net.JoinHostPort(u.Hostname(), u.Port())) {
			continue
		}
		text := "%s is reached without TLS: the content is sealed, but whoever sits in between can hold it up, and see which nodes there are"
		if c.Cluster.Etcd.Username != "" {
			text = "%s is reached without TLS: whoever sits in between reads the password for etcd"
		}
		note("cluster.etcd.endpoints", text, endpoint)
		break
	}
	if info, err := os.Stat(c.ClusterKeyFile()); err == nil && info.Mode().Perm()&0o077 != 0 {
		note("cluster.key_file", "%s can be read by others on this machine: chmod 600 it, it opens what is in etcd", c.ClusterKeyFile())
	}
}
