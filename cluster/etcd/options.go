// Package etcd is a cluster.KV on a real etcd (3.4 or newer), by etcd's own client.
//
// What it adds is which member is asked. The client's own balancer gives every call to the next member in turn, so that one that is paused or cut
// off from the others stalls every third call until the connection's keepalive notices, 13 seconds later. Here one member is asked until it
// fails to answer; then the next one is, and everything that hung on the old one ends: calls, watches, waits. See client.go.
//
// Certificates of clients are read anew when their files change, those of authorities when the program starts.
package etcd

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
)

// DefaultPrefix is that of the keys.
const DefaultPrefix = "/dialtree/"

// A Password is one that no verb, logger or encoder prints.
type Password string

// Format prints nothing of it.
func (Password) Format(f fmt.State, _ rune) { io.WriteString(f, "[password]") }

// MarshalText gives nothing of it.
func (Password) MarshalText() ([]byte, error) { return []byte("[password]"), nil }

// Options say where etcd is and who we are there.
type Options struct {
	Endpoints []string // https://HOST:PORT, http://HOST:PORT or HOST:PORT, which is https where there is a file of certificates
	Prefix    string   // of all keys; empty: DefaultPrefix
	CAFile    string   // PEM; empty: the system's authorities
	CertFile  string   // PEM, with KeyFile: this client's certificate
	KeyFile   string
	Username  string
	Password  Password
	Logger    *slog.Logger
}

// New checks the options and reads the files. It touches no network: connections are made by the first call.
func New(o Options) (*Client, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Prefix == "" {
		o.Prefix = DefaultPrefix
	}
	if !strings.HasSuffix(o.Prefix, "/") {
		o.Prefix += "/"
	}
	if (o.CertFile == "") != (o.KeyFile == "") {
		return nil, errors.New("etcd: cert_file and key_file belong together: give both or neither")
	}
	if (o.Username == "") != (o.Password == "") {
		return nil, errors.New("etcd: username and password belong together: give both or neither")
	}
	endpoints, secure, err := normalized(o.Endpoints, o.CAFile != "" || o.CertFile != "")
	if err != nil {
		return nil, err
	}
	var t *tls.Config
	if secure {
		if t, err = clientTLS(o.CAFile, o.CertFile, o.KeyFile, o.Logger); err != nil {
			return nil, err
		}
	} else if where := notLoopback(endpoints); where != "" {
		o.Logger.Warn("etcd is asked without TLS: anybody on the way can read which nodes there are, and change or end what they do: use https", "endpoint", where)
	}
	return &Client{
		options: o, endpoints: endpoints, tls: t, streamLife: streamLife,
		// Nodes spread over the members by themselves.
		at: rand.IntN(len(endpoints)),
	}, nil
}

// normalized gives every endpoint its scheme.
func normalized(endpoints []string, files bool) (all []string, secure bool, err error) {
	if len(endpoints) == 0 {
		return nil, false, errors.New("etcd: no endpoint is given: one looks like https://10.0.0.1:2379")
	}
	for i, e := range endpoints {
		given := e
		if !strings.Contains(e, "://") {
			e = map[bool]string{true: "https://", false: "http://"}[files] + e
		}
		u, err := url.Parse(e)
		if err != nil || u.User != nil {
			// It is not repeated: there may be a password in it.
			return nil, false, fmt.Errorf("etcd: endpoint %d is no URL without a name: one looks like https://10.0.0.1:2379", i+1)
		}
		if u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.Port() == "" || strings.Trim(u.Path, "/")+u.RawQuery+u.Fragment != "" {
			return nil, false, fmt.Errorf("etcd: endpoint %q: want https://HOST:PORT, http://HOST:PORT or HOST:PORT", given)
		}
		https := u.Scheme == "https"
		if i > 0 && https != secure {
			return nil, false, fmt.Errorf("etcd: endpoint %q: either all endpoints are https or none is", given)
		}
		if !https && files {
			return nil, false, fmt.Errorf("etcd: endpoint %q is without TLS, but there are files of certificates: use https, or leave them out", given)
		}
		secure = https
		all = append(all, u.Scheme+"://"+u.Host)
	}
	return all, secure, nil
}

// notLoopback returns one that leaves this machine.
func notLoopback(endpoints []string) string {
	for _, e := range endpoints {
		u, _ := url.Parse(e)
		if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return e
		}
	}
	return ""
}
