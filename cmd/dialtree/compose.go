package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
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
	"github.com/dialtree/dialtree/cmd/dialtree/internal/service"
	"github.com/dialtree/dialtree/refusals"
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
	memory  resources.Pressure
	refused *refusals.Collector

	ldapCertificate, adminCertificate *ownCertificate
	store                             *store.Store
	member                            *member // nil: it is alone
	front                             *authproxy.Front
	ldap                              *ldapserver.Server
	syncer                            *syncer.Syncer
	admin                             *admin.Server

	sockets       []service.Socket // all that listens, as it was opened
	ldapListeners []ldapserver.Listener
	adminListener net.Listener
	socket        net.Listener
	serving       atomic.Bool
	handedOver    atomic.Bool // the sockets, that of the commands among them, go to the next program
}

// newNode opens the store, and serves on the sockets, which are its own from here on. They and what it opened are closed again
// when something is wrong; otherwise run closes them.
func newNode(ctx context.Context, c *config.Config, logger *slog.Logger, tail *logtail.Tail, sockets []service.Socket) (*node, error) {
	n := &node{config: c, logger: logger, tail: tail, sockets: sockets, share: resources.DescriptorsOf(),
		ldapCertificate: &ownCertificate{use: "ldap", logger: logger}, adminCertificate: &ownCertificate{use: "admin", logger: logger}}
	n.inForce.Store(c)
	if err := n.open(ctx); err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

func (n *node) open(ctx context.Context) (err error) {
	c, logger := n.config, n.logger
	if c.Clustered() {
		if err := checkStoreIsThere(c); err != nil {
			return err
		}
	}
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
	if err := n.listen(); err != nil {
		return err
	}
	if err := n.enter(registry); err != nil {
		return err
	}
	if err := n.ldapCertificate.read(c.LDAP.CertFile, c.LDAP.KeyFile); err != nil {
		return err
	}
	certificate := n.ldapCertificate.shown.Load()
	if n.refused, err = refusals.New(refusals.Options{Write: n.writeRefusals, Logger: logger, Registerer: registry}); err != nil {
		return err
	}
	hasher := authproxy.NewHasher()
	caution, cautionKey := n.cautionDoor()
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
		Refusals:      n.refused,
		Caution:       caution,
		CautionKey:    cautionKey,
		Logger:        logger,
		Registerer:    registry,
		Version:       version.Version,
	})
	if err != nil {
		return err
	}
	n.ldap, err = ldapserver.New(ldapserver.Options{
		Handler:           n.front,
		Watcher:           n.front,
		Logger:            logger,
		Registerer:        registry,
		Certificate:       certificate,
		ProxyProtocolFrom: c.LDAP.ProxyProtocolFrom,
		Grace:             grace,
		Limits:            limitsOf(c, n.share),
		Full:              n.memory.Full,
	})
	if err != nil {
		return err
	}
	logins := &logins{front: n.front, hasher: hasher}
	duty, claims := n.syncerDoors()
	n.syncer, err = syncer.New(syncer.Options{
		Store:        n.store,
		Logger:       logger,
		Registerer:   registry,
		Numbers:      syncer.Numbers{Country: c.Numbers.Country, Trunk: c.Numbers.Trunk, International: c.Numbers.International},
		BaseDir:      c.DataDir,
		HashPassword: logins.hashImported,
		Observe:      n.observe,
		Duty:         duty,
		Claims:       claims,
	})
	if err != nil {
		return err
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
		Refusals:    n.refused,
		Tracer:      tracerDoor{n.front},
		Devices:     devicesDoor{n.front},
		SignIns:     signInsDoor{n.front, hasher},
		Address:     n.adminAddress,
		SessionIdle: c.Admin.SessionIdle, SessionLimit: c.Admin.SessionLimit,
		MetricsFrom: c.Admin.MetricsFrom,
		ClearFrom:   c.Admin.ClearTextFrom,
		Logger:      logger,
		Version:     version,
		Ready:       n.ready,
		Cluster:     n.clusterDoor(),
		Peers:       n.peersDoor(),
		System:      systemDoor{n},
		Backups:     backupsOf(c),
		Log:         n.tail,
	})
	if err != nil {
		return err
	}
	if err := registry.Register(n.admin.ExpiryCollector()); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	return nil
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

// run serves until ctx ends, and calls ready when logins are answered. Logins under way at the end are answered, too: the front
// and the store outlive the listeners, and this node's part in a cluster all but the store.
func (n *node) run(ctx context.Context, ready func()) error {
	defer n.close()
	if n.member != nil {
		defer n.member.start(ctx)()
		if err := n.member.settle(ctx); err != nil {
			return err
		}
	}
	behind, stopBehind := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBehind()
	var back errgroup.Group
	back.Go(func() error { return n.front.Run(behind) })
	back.Go(func() error { return n.refused.Run(behind) })

	front, ctx := errgroup.WithContext(ctx)
	front.Go(func() error { n.keepCertificates(ctx); return nil })
	front.Go(func() error { n.memory.Watch(ctx); return nil })
	if n.member != nil {
		front.Go(func() error { return n.member.prove(ctx) })
	}
	front.Go(func() error { return n.syncer.Run(ctx) })
	front.Go(func() error { return n.admin.Run(ctx, n.socket, n.adminListener) })
	front.Go(func() error {
		defer n.serving.Store(false)
		return n.ldap.Run(ctx, n.ldapListeners...)
	})
	n.serving.Store(true)
	n.logger.Info("ready", n.addresses()...)
	ready()
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
	if passed := n.passed(); len(passed) > 0 {
		attrs = append(attrs, "passed_by_service_manager", strings.Join(passed, " "))
	}
	return append(attrs, "base_dn", n.config.BaseDN, "data_dir", n.config.DataDir)
}

// reload takes over certificates and limits from a configuration read again.
func (n *node) reload(c *config.Config) error {
	if err := n.ldapCertificate.read(c.LDAP.CertFile, c.LDAP.KeyFile); err != nil {
		return err
	}
	if certificate := n.ldapCertificate.shown.Load(); certificate != nil {
		n.ldap.SetCertificate(certificate)
	}
	n.adminCertificate.look()
	if err := n.ldap.SetLimits(limitsOf(c, n.share)); err != nil {
		return err
	}
	n.front.SetThrottle(throttleOf(c))
	n.front.SetSearchLimits(searchLimitsOf(c))
	n.inForce.Store(n.inForce.Load().Reloaded(c))
	return nil
}

func (n *node) close() {
	for _, s := range n.sockets {
		s.Close()
	}
	if n.socket != nil && !n.handedOver.Load() {
		os.Remove(socketPath(n.config.DataDir))
	}
	if n.member != nil {
		if err := n.member.etcd.Close(); err != nil {
			n.logger.Warn("the connection to etcd did not close well", "error", err)
		}
	}
	if n.store != nil {
		if err := n.store.Close(); err != nil {
			n.logger.Error("the store did not close well", "error", err)
		}
	}
}
