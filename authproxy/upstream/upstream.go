package upstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"
)

// tick is how often Run looks at quarantines and idle connections.
const tick = time.Second

// An Upstream forwards binds to the servers of one directory. It is safe for
// use by many goroutines at once.
//
// Connections for binds and, in search mode, connections for searches are kept
// apart: a bind changes who a connection belongs to.
type Upstream struct {
	opts     Options
	log      *slog.Logger
	servers  []*server
	template *template // nil: search mode, or recorded DNs only
	search   *searcher // nil: not in search mode
	network  *network
	binds    *pool
	searches *pool
	metrics  *metrics

	closeOnce sync.Once
}

// New checks o and prepares an upstream. It touches no network and starts
// nothing; it reads the CA file. Its metrics are registered until Close, so
// that another upstream of the same name can be made only after that.
func New(o Options) (*Upstream, error) {
	o.setDefaults()
	u := &Upstream{opts: o, log: o.Logger.With("upstream", o.Name)}
	var err error
	if u.network, err = newNetwork(o.Dial, o.TLS); err != nil {
		return nil, err
	}
	if u.servers, err = parseURLs(o.URLs); err != nil {
		return nil, err
	}
	for _, s := range u.servers {
		s.log = u.log
	}
	u.binds = newPool(o.MaxConnections, o.MaxPending)
	switch {
	case o.BindDN != "" && o.Search != nil:
		return nil, errors.New("bind_dn and search exclude each other: give one of them")
	case o.BindDN != "":
		if u.template, err = parseTemplate(o.BindDN); err != nil {
			return nil, err
		}
	case o.Search != nil:
		if u.search, err = newSearcher(o.Search); err != nil {
			return nil, err
		}
		// A search takes about as long as a bind, and they take turns.
		u.searches = newPool((o.MaxConnections+1)/2, o.MaxPending)
	}
	u.metrics = newMetrics(u)
	if o.Registerer != nil {
		if err := o.Registerer.Register(u.metrics); err != nil {
			return nil, fmt.Errorf("register the metrics of upstream %q: %w", o.Name, err)
		}
	}
	return u, nil
}

func parseURLs(urls []string) ([]*server, error) {
	if len(urls) == 0 {
		return nil, errors.New("urls: none given; want at least one such as ldaps://dc1.example.com")
	}
	var servers []*server
	for _, text := range urls {
		s, err := parseURL(text)
		if err != nil {
			return nil, err
		}
		for _, other := range servers {
			if other.address == s.address {
				return nil, fmt.Errorf("urls: %s and %s are the same server", other.url, s.url)
			}
		}
		servers = append(servers, s)
	}
	return servers, nil
}

func parseURL(text string) (*server, error) {
	fail := func(why string) (*server, error) {
		return nil, fmt.Errorf("urls: %q: %s; want ldaps://host or ldap://host, with :port where it is another one", text, why)
	}
	parsed, err := url.Parse(text)
	if err != nil {
		return fail("not a URL")
	}
	port := parsed.Port()
	switch scheme := strings.ToLower(parsed.Scheme); {
	case scheme != "ldap" && scheme != "ldaps":
		return fail("the scheme is not ldap or ldaps")
	case parsed.Hostname() == "":
		return fail("the host is missing")
	case parsed.Path != "" && parsed.Path != "/", parsed.RawQuery != "", parsed.Fragment != "", parsed.User != nil:
		return fail("it has more than a host and a port")
	case port == "" && scheme == "ldap":
		port = "389"
	case port == "":
		port = "636"
	}
	return &server{
		url:     text,
		host:    parsed.Hostname(),
		address: net.JoinHostPort(parsed.Hostname(), port),
		tls:     strings.EqualFold(parsed.Scheme, "ldaps"),
	}, nil
}

func (u *Upstream) pools() []*pool {
	if u.searches == nil {
		return []*pool{u.binds}
	}
	return []*pool{u.binds, u.searches}
}

// Run probes quarantined servers and closes connections that were idle or open
// for too long, until ctx ends; then it closes the upstream. Binds work without
// it, but then a quarantined server comes back only when no other is left.
func (u *Upstream) Run(ctx context.Context) error {
	u.warnClearText()
	var probes sync.WaitGroup
	defer probes.Wait()
	defer u.Close()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		noneUp := u.noneUp(nil)
		for _, s := range u.servers {
			if !s.claimProbe(noneUp) {
				continue
			}
			probes.Go(func() {
				if c, failure := u.probe(ctx, s, time.Now().Add(2*u.opts.ConnectTimeout), nil); failure == nil {
					c.part()
				}
			})
		}
		now := time.Now()
		u.retire(func(c *conn) bool { return u.isOld(c, now) })
	}
}

// Close closes every connection, those in use too: a bind that is under way
// ends as unavailable. It does not wait for the network.
func (u *Upstream) Close() {
	u.closeOnce.Do(func() {
		for _, p := range u.pools() {
			for _, c := range p.close() {
				c.drop()
			}
		}
		if u.opts.Registerer != nil {
			u.opts.Registerer.Unregister(u.metrics)
		}
	})
}

// retire closes the idle connections for which match is true.
func (u *Upstream) retire(match func(*conn) bool) {
	for _, p := range u.pools() {
		for _, c := range p.evict(match) {
			c.part()
		}
	}
}

func (u *Upstream) isOld(c *conn, now time.Time) bool {
	return now.After(c.expires) || now.Sub(c.idleSince) > u.opts.IdleTimeout
}

func (u *Upstream) warnClearText() {
	for _, s := range u.servers {
		if !s.tls && !u.network.startTLS && !isLoopback(s.host) {
			u.log.Warn("passwords travel to the upstream server in clear text; use ldaps:// or start_tls", "server", s.address)
		}
	}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
