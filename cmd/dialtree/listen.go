package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dialtree/dialtree/authproxy/ldapserver"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/config"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/service"
)

// The keys that sockets are opened for. That of the commands has none: it is in the data directory.
const (
	keyLDAP    = "ldap.listen"
	keyLDAPS   = "ldap.listen_tls"
	keyAdmin   = "admin.listen"
	keyCommand = "commands"
)

// openSockets opens what the configuration says, before anything is served, so that a port in use stops the start rather than half
// of it. What is open already is used: sockets that a service manager passed take the place of their key, and those that an earlier
// program opened for an address that the key still has serve on. The second result are those of them that are of no use any more.
func openSockets(ctx context.Context, c *config.Config, open []service.Socket) (sockets, unused []service.Socket, err error) {
	unused = slices.Clone(open)
	// take moves the first of the sockets that fit from unused to sockets.
	take := func(fits func(service.Socket) bool) bool {
		i := slices.IndexFunc(unused, fits)
		if i < 0 {
			return false
		}
		sockets = append(sockets, unused[i])
		unused = slices.Delete(unused, i, i+1)
		return true
	}
	var opened []service.Socket
	for _, k := range []struct {
		key, name string
		addresses []string
	}{
		{keyLDAP, service.LDAP, c.LDAP.Listen},
		{keyLDAPS, service.LDAPS, c.LDAP.ListenTLS},
		{keyAdmin, service.Admin, config.Addresses{c.Admin.Listen}},
	} {
		passed := false
		for take(func(s service.Socket) bool { return s.Managed() && s.Name == k.name }) {
			passed = true
		}
		if passed {
			continue
		}
		for _, address := range k.addresses {
			if address == "" || take(func(s service.Socket) bool { return s.Name == k.key && s.Address == address }) {
				continue
			}
			s, err := listenOn(ctx, k.key, address)
			if err != nil {
				for _, s := range opened {
					s.Close()
				}
				return nil, nil, err
			}
			sockets, opened = append(sockets, s), append(opened, s)
		}
	}
	take(func(s service.Socket) bool { return s.Name == keyCommand && s.Address == socketPath(c.DataDir) })
	return sockets, unused, nil
}

func listenOn(ctx context.Context, key, address string) (service.Socket, error) {
	// Keep-alive probes cost system calls at each accept; the idle timeout notices a
	// peer that is gone.
	lc := net.ListenConfig{KeepAlive: -1}
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return service.Socket{}, fmt.Errorf("%s: listen on %s: %w%s", key, address, err, listenHint(err, address))
	}
	return service.Socket{Name: key, Address: address, Listener: l}, nil
}

func listenHint(err error, address string) string {
	switch {
	case strings.Contains(err.Error(), "address already in use"):
		return ": another program listens there; stop it or choose another port"
	case strings.Contains(err.Error(), "permission denied"):
		return ": ports below 1024 need the right to bind them; choose another port or grant CAP_NET_BIND_SERVICE"
	case strings.Contains(err.Error(), "cannot assign requested address"):
		return ": this machine does not have that address; 0.0.0.0 stands for all of them"
	}
	return ""
}

// listen tells each socket what it is for. The commands' own is opened where none was handed over.
func (n *node) listen() error {
	c := n.config
	for _, s := range n.sockets {
		switch s.Name {
		case keyLDAP, service.LDAP:
			n.ldapListeners = append(n.ldapListeners, ldapserver.Listener{Listener: s.Listener})
		case keyLDAPS, service.LDAPS:
			if c.LDAP.CertFile == "" {
				return fmt.Errorf("the socket %s at %s was passed, which needs ldap.cert_file and ldap.key_file: LDAPS cannot work without a certificate", s.Name, s.Addr())
			}
			n.ldapListeners = append(n.ldapListeners, ldapserver.Listener{Listener: s.Listener, TLS: true})
		case keyAdmin, service.Admin:
			if err := n.adminCertificate.read(c.Admin.CertFile, c.Admin.KeyFile); err != nil {
				return err
			}
			n.adminListener = atMost(s.Listener, n.share.Admin)
			if n.adminCertificate.shown.Load() != nil {
				n.adminListener = tls.NewListener(n.adminListener, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
					return n.adminCertificate.shown.Load(), nil
				}})
			}
		case keyCommand:
			if _, err := os.Lstat(s.Address); err == nil {
				n.socket = s.Listener
			}
		}
	}
	if n.socket != nil {
		return nil
	}
	path := socketPath(c.DataDir)
	l, err := listenSocket(path)
	if err != nil {
		return err
	}
	n.socket = l
	n.sockets = append(n.sockets, service.Socket{Name: keyCommand, Address: path, Listener: l})
	return nil
}

// passed are the names of the sockets that a service manager passed.
func (n *node) passed() []string {
	var names []string
	for _, s := range n.sockets {
		if s.Managed() {
			names = append(names, s.Name)
		}
	}
	return names
}

// listenSocket opens the socket that the commands use, for its owner alone. The
// store's lock is held, so that a socket that lies there belongs to nobody alive.
func listenSocket(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove the old socket: %w", err)
	}
	// A socket is born with what the umask leaves, so it is born in a directory of
	// ours that nobody else may enter, and moved out when its mode is right.
	dir, err := os.MkdirTemp(filepath.Dir(path), ".s")
	if err != nil {
		return nil, fmt.Errorf("open the socket %s: %w", path, err)
	}
	defer os.RemoveAll(dir)
	born := filepath.Join(dir, "s")
	l, err := net.Listen("unix", born)
	if err != nil {
		return nil, fmt.Errorf("open the socket %s: %w", path, err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(born, 0o600), os.Rename(born, path)); err != nil {
		l.Close()
		return nil, fmt.Errorf("open the socket %s: %w", path, err)
	}
	return l, nil
}
