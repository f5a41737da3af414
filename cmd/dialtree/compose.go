package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/admin/logtail"
	"github.com/dialtree/dialtree/admin/page"
	"github.com/dialtree/dialtree/authproxy"
	"github.com/dialtree/dialtree/authproxy/directory"
	"github.com/dialtree/dialtree/authproxy/ldapserver"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/config"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/resources"
	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer"
)

// grace is how long requests may go on once the server was told to end.
const grace = 5 * time.Second

// A node is the whole server: the one place where the parts meet.
type node struct {
	config  *config.Config                // as the server was started with
	inForce atomic.Pointer[config.Config] // with what was reloaded
	logger  *slog.Logger
	tail    *logtail.Tail
	share   resources.Descriptors
	store   *store.Store
	front   *authproxy.Front
	ldap    *ldapserver.Server
	syncer  *syncer.Syncer
	admin   *admin.Server

	ldapListeners []ldapserver.Listener
	adminListener net.Listener
	socket        net.Listener
	serving       atomic.Bool
}

// newNode opens the store and the listeners. What it opened is closed again when
// something is wrong; otherwise run closes it.
func newNode(ctx context.Context, c *config.Config, logger *slog.Logger, tail *logtail.Tail) (*node, error) {
	n := &node{config: c, logger: logger, tail: tail, share: resources.DescriptorsOf()}
	n.inForce.Store(c)
	if err := n.open(ctx); err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

func (n *node) open(ctx context.Context) (err error) {
	c, logger := n.config, n.logger
	if n.store, err = store.Open(ctx, store.Options{Dir: c.DataDir}); err != nil {
		return withBackup(ctx, c, err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		newEntriesCollector(n.store),
	)
	version := buildVersion()
	certificate, err := loadCertificate(c.LDAP.CertFile, c.LDAP.KeyFile)
	if err != nil {
		return err
	}
	hasher := authproxy.NewHasher()
	n.front, err = authproxy.New(authproxy.Options{
		Store:         n.store,
		BaseDN:        c.BaseDN,
		RequireTLS:    c.LDAP.RequireTLS,
		StartTLS:      certificate != nil,
		AnonymousFrom: c.LDAP.AnonymousFrom,
		Throttle:      throttleOf(c),
		Search:        searchLimitsOf(c),
		Numbering:     directory.Numbering{Country: c.Numbers.Country, Trunk: c.Numbers.Trunk, International: c.Numbers.International},
		Output:        outputOf(c),
		Hasher:        hasher,
		Logger:        logger,
		Registerer:    registry,
		Version:       version.Version,
	})
	if err != nil {
		return err
	}
	n.ldap, err = ldapserver.New(ldapserver.Options{
		Handler:           n.front,
		Logger:            logger,
		Registerer:        registry,
		Certificate:       certificate,
		ProxyProtocolFrom: c.LDAP.ProxyProtocolFrom,
		Grace:             grace,
		Limits:            limitsOf(c, n.share),
	})
	if err != nil {
		return err
	}
	logins := &logins{front: n.front, hasher: hasher}
	n.syncer, err = syncer.New(syncer.Options{
		Store:        n.store,
		Logger:       logger,
		Registerer:   registry,
		Numbers:      syncer.Numbers{Country: c.Numbers.Country, Trunk: c.Numbers.Trunk, International: c.Numbers.International},
		BaseDir:      c.DataDir,
		HashPassword: logins.hashImported,
		Observe:      n.observe,
	})
	if err != nil {
		return err
	}
	if c.Backup.Dir != "" {
		if _, err := n.syncer.NextTime(c.Backup.Schedule, time.Now()); err != nil {
			return fmt.Errorf("backup.%w", err) // the error begins with the key
		}
	}
	pages, err := page.New(logger)
	if err != nil {
		return err
	}
	n.admin, err = admin.New(admin.Options{
		Page:        pages.Over,
		Store:       n.store,
		Syncer:      syncerDoor{n.syncer},
		Logins:      logins,
		Upstreams:   upstreamsDoor{n.front},
		Front:       n.frontDoor(certificate != nil),
		Directory:   directoryDoor{n.front},
		Finder:      finderDoor{n.front},
		LoginWatch:  loginWatchDoor{n.front},
		Gatherer:    registry,
		Devices:     devicesDoor{n.front},
		SignIns:     signInsDoor{n.front, hasher},
		Address:     n.adminAddress,
		SessionIdle: c.Admin.SessionIdle, SessionLimit: c.Admin.SessionLimit,
		MetricsFrom: c.Admin.MetricsFrom,
		ClearFrom:   c.Admin.ClearTextFrom,
		Logger:      logger,
		Version:     version,
		Ready:       n.ready,
		System:      systemDoor{n},
		Backups:     backupsOf(c, n.syncer),
		Log:         n.tail,
	})
	if err != nil {
		return err
	}
	if err := registry.Register(n.admin.ExpiryCollector()); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	return n.listen(ctx)
}

func (n *node) ready() error {
	switch {
	case !n.serving.Load():
		return errors.New("the LDAP listeners are not up")
	case !n.front.Ready():
		return errors.New("the directory is being read: searches wait for it")
	}
	return nil
}

func throttleOf(c *config.Config) authproxy.ThrottleOptions {
	return authproxy.ThrottleOptions{
		UserFailures:    c.Throttle.UserFailures,
		AddressFailures: c.Throttle.AddressFailures,
		Window:          c.Throttle.Window,
		Delay:           c.Throttle.Delay,
	}
}

func searchLimitsOf(c *config.Config) authproxy.SearchLimits {
	return authproxy.SearchLimits{Entries: c.LDAP.SizeLimit, Time: c.LDAP.TimeLimit}
}

// outputOf is the form in which numbers are sent; the configuration has no other.
func outputOf(c *config.Config) directory.Output {
	return map[string]directory.Output{"as_stored": directory.AsStored, "e164": directory.E164, "international": directory.International}[c.Numbers.Output]
}

// limitsOf lets in no more clients than there are descriptors for, after all else has its share: at the limit a
// client is told so, and neither upstreams nor the store are short.
func limitsOf(c *config.Config, share resources.Descriptors) ldapserver.Limits {
	clients := c.LDAP.MaxConnections
	if share.LDAP > 0 {
		clients = min(clients, share.LDAP)
	}
	return ldapserver.Limits{
		MaxConnections:           clients,
		MaxConnectionsPerAddress: c.LDAP.MaxConnectionsPerAddress,
		MaxPendingPerConnection:  c.LDAP.MaxPendingPerConnection,
		MaxMessageBytes: ldapserver.MessageBytes{
			BeforeBind: c.LDAP.MaxMessageBytes.BeforeBind,
			AfterBind:  c.LDAP.MaxMessageBytes.AfterBind,
		},
		IdleTimeout: c.LDAP.IdleTimeout,
	}
}

// loadCertificate reads a certificate and its key; neither is no certificate.
func loadCertificate(certFile, keyFile string) (*tls.Certificate, error) {
	if certFile == "" && keyFile == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", certFile, keyFile, err)
	}
	return &pair, nil
}

// listen opens every listener before anything is served, so that a port in use
// stops the start rather than half of it.
func (n *node) listen(ctx context.Context) error {
	// Keep-alive probes cost system calls at each accept; the idle timeout notices a
	// peer that is gone.
	lc := net.ListenConfig{KeepAlive: -1}
	open := func(key, address string) (net.Listener, error) {
		l, err := lc.Listen(ctx, "tcp", address)
		if err != nil {
			return nil, fmt.Errorf("%s: listen on %s: %w%s", key, address, err, listenHint(err, address))
		}
		return l, nil
	}
	for _, address := range n.config.LDAP.Listen {
		l, err := open("ldap.listen", address)
		if err != nil {
			return err
		}
		n.ldapListeners = append(n.ldapListeners, ldapserver.Listener{Listener: l})
	}
	for _, address := range n.config.LDAP.ListenTLS {
		l, err := open("ldap.listen_tls", address)
		if err != nil {
			return err
		}
		n.ldapListeners = append(n.ldapListeners, ldapserver.Listener{Listener: l, TLS: true})
	}
	if address := n.config.Admin.Listen; address != "" {
		l, err := open("admin.listen", address)
		if err != nil {
			return err
		}
		l = atMost(l, n.share.Admin)
		certificate, err := loadCertificate(n.config.Admin.CertFile, n.config.Admin.KeyFile)
		if err != nil {
			l.Close()
			return err
		}
		if certificate != nil {
			l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{*certificate}, MinVersion: tls.VersionTLS12})
		}
		n.adminListener = l
	}
	var err error
	n.socket, err = listenSocket(socketPath(n.config.DataDir))
	return err
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

// run serves until ctx ends. Logins under way are answered: the front and the
// store outlive the listeners.
func (n *node) run(ctx context.Context) error {
	defer n.close()
	behind, stopBehind := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBehind()
	var back errgroup.Group
	back.Go(func() error { return n.front.Run(behind) })

	front, ctx := errgroup.WithContext(ctx)
	front.Go(func() error { return n.syncer.Run(ctx) })
	front.Go(func() error { return n.admin.Run(ctx, n.socket, n.adminListener) })
	front.Go(func() error {
		defer n.serving.Store(false)
		return n.ldap.Run(ctx, n.ldapListeners...)
	})
	n.serving.Store(true)
	n.logger.Info("ready", n.addresses()...)
	err := front.Wait()
	stopBehind()
	return errors.Join(err, back.Wait())
}

// addresses are the log attributes that say where the server listens.
func (n *node) addresses() []any {
	var plain, secure []string
	for _, l := range n.ldapListeners {
		if l.TLS {
			secure = append(secure, l.Addr().String())
		} else {
			plain = append(plain, l.Addr().String())
		}
	}
	attrs := []any{"ldap", strings.Join(plain, " ")}
	if len(secure) > 0 {
		attrs = append(attrs, "ldaps", strings.Join(secure, " "))
	}
	if n.adminListener != nil {
		attrs = append(attrs, "admin", n.adminListener.Addr().String())
	}
	return append(attrs, "base_dn", n.config.BaseDN, "data_dir", n.config.DataDir)
}

// reload takes over certificates and limits from a configuration read again.
func (n *node) reload(c *config.Config) error {
	certificate, err := loadCertificate(c.LDAP.CertFile, c.LDAP.KeyFile)
	if err != nil {
		return err
	}
	if certificate != nil {
		n.ldap.SetCertificate(certificate)
	}
	if err := n.ldap.SetLimits(limitsOf(c, n.share)); err != nil {
		return err
	}
	n.front.SetThrottle(throttleOf(c))
	n.front.SetSearchLimits(searchLimitsOf(c))
	n.inForce.Store(n.inForce.Load().Reloaded(c))
	return nil
}

func (n *node) close() {
	for _, l := range n.ldapListeners {
		l.Close()
	}
	for _, l := range []net.Listener{n.adminListener, n.socket} {
		if l != nil {
			l.Close()
		}
	}
	if n.socket != nil {
		os.Remove(socketPath(n.config.DataDir))
	}
	if n.store != nil {
		if err := n.store.Close(); err != nil {
			n.logger.Error("the store did not close well", "error", err)
		}
	}
}
