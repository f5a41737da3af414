package authproxy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dialtree/dialtree/authproxy/upstream"
	"github.com/dialtree/dialtree/store"
)

// upstreams keeps a pool for each upstream object of the store, as of one number
// of the store: it looks whether the store moved on before each use, which costs
// one atomic read, so that a change holds for the very next login.
type upstreams struct {
	store      *store.Store
	registerer prometheus.Registerer
	logger     *slog.Logger

	mu     sync.RWMutex // guards the fields below; held across no I/O but the store's
	seq    uint64
	read   bool
	byName map[string]*configuredUpstream
	run1   func(*configuredUpstream) // starts a pool's upkeep; nil before run and after it
}

// A configuredUpstream is a pool and the object it was made from.
type configuredUpstream struct {
	name    string
	pool    *upstream.Upstream
	cache   store.Cache
	timeout time.Duration // of a login, with all that it waits for
	config  []byte        // the object's JSON and its secret's digest: what a change is told by
	decides string        // digest of what says who decides about passwords
	err     error         // why there is no pool
	stop    context.CancelFunc
}

// refusedFor is how long a wrong password is remembered.
func (c *configuredUpstream) refusedFor() time.Duration {
	if c.cache.Refused == nil {
		return defaultRefused
	}
	return time.Duration(*c.cache.Refused)
}

func newUpstreams(s *store.Store, r prometheus.Registerer, l *slog.Logger) *upstreams {
	return &upstreams{store: s, registerer: r, logger: l}
}

// get returns the upstream of that name as the store has it now.
func (u *upstreams) get(name string) (*configuredUpstream, error) {
	if err := u.refresh(); err != nil {
		return nil, err
	}
	u.mu.RLock()
	defer u.mu.RUnlock()
	c := u.byName[name]
	switch {
	case c == nil:
		return nil, fmt.Errorf("upstream %q does not exist", name)
	case c.err != nil:
		return nil, fmt.Errorf("upstream %q cannot be used: %w", name, c.err)
	}
	return c, nil
}

// decides says who decides about the passwords of an upstream's users now; empty where there is no such upstream.
func (u *upstreams) decides(name string) string {
	if u.refresh() != nil {
		return "" // the login will find that out
	}
	u.mu.RLock()
	defer u.mu.RUnlock()
	if c := u.byName[name]; c != nil {
		return c.decides
	}
	return ""
}

// refusedFor is how long a wrong password of an upstream's user is remembered; the empty name stands for those kept here.
func (u *upstreams) refusedFor(name string) time.Duration {
	u.mu.RLock()
	defer u.mu.RUnlock()
	if c := u.byName[name]; c != nil {
		return c.refusedFor()
	}
	return defaultRefused
}

// patience is how long a login waits for another of the same account.
func (u *upstreams) patience(name string) time.Duration {
	u.mu.RLock()
	defer u.mu.RUnlock()
	if c := u.byName[name]; c != nil {
		return c.timeout
	}
	return upstream.DefaultBindTimeout
}

// refresh brings the pools up to the store's number.
func (u *upstreams) refresh() error {
	seq := u.store.Seq()
	u.mu.RLock()
	current := u.read && u.seq == seq
	u.mu.RUnlock()
	if current {
		return nil
	}
	objects, err := u.store.Objects(store.ObjectUpstream)
	if err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.read && u.seq >= seq && u.seq <= u.store.Seq() { // else the content was replaced by one with smaller numbers
		return nil // another login was faster
	}
	next := make(map[string]*configuredUpstream, len(objects))
	for _, object := range objects {
		o := object.(*store.Upstream)
		config, err := fingerprint(o)
		if err != nil {
			return err
		}
		if old := u.byName[o.Name]; old != nil && bytes.Equal(old.config, config) {
			next[o.Name] = old
			continue
		}
		if old := u.byName[o.Name]; old != nil {
			old.close()
		}
		next[o.Name] = u.configure(o, config)
		if next[o.Name].decides, err = decidesOf(o); err != nil {
			return err
		}
	}
	for name, old := range u.byName {
		if next[name] == nil {
			old.close()
		}
	}
	u.byName, u.seq, u.read = next, seq, true
	return nil
}

// fingerprint tells one state of an upstream object from another.
func fingerprint(o *store.Upstream) ([]byte, error) {
	b, err := json.Marshal(o)
	if err != nil || o.Search == nil {
		return b, err
	}
	secret, err := o.Search.Password.Resolve()
	if err != nil {
		return append(b, err.Error()...), nil
	}
	digest := secretDigest(secret)
	return append(b, digest[:]...), nil
}

// decidesOf is a digest of what an upstream object says of who decides about passwords. How long that may take, or is remembered, is no part of it.
func decidesOf(o *store.Upstream) (string, error) {
	who := store.Upstream{Name: o.Name, URLs: o.URLs, BindDN: o.BindDN, TLS: o.TLS}
	if o.Search != nil {
		who.Search = &store.UpstreamSearch{Base: o.Search.Base, Filter: o.Search.Filter}
	}
	b, err := json.Marshal(&who)
	digest := sha256.Sum256(b)
	return string(digest[:]), err
}

// configure makes a pool. The caller holds mu.
func (u *upstreams) configure(o *store.Upstream, config []byte) *configuredUpstream {
	full := o.WithDefaults()
	c := &configuredUpstream{
		name: o.Name, cache: full.Cache, config: config, stop: func() {},
		timeout: time.Duration(full.BindTimeout),
	}
	options := optionsOf(full)
	options.Registerer, options.Logger = u.registerer, u.logger
	if c.pool, c.err = upstream.New(options); c.err != nil {
		u.logger.Error("upstream cannot be used", "upstream", o.Name, "error", c.err)
	} else if u.run1 != nil {
		u.run1(c)
	}
	return c
}

// optionsOf are the options of a pool, from an object with its defaults.
func optionsOf(o store.Upstream) upstream.Options {
	options := upstream.Options{
		Name:   o.Name,
		URLs:   o.URLs,
		BindDN: o.BindDN,
		TLS: upstream.TLSOptions{
			StartTLS: o.TLS.StartTLS, CAFile: o.TLS.CAFile, ServerName: o.TLS.ServerName,
			PinnedKey: o.TLS.PinnedKey, InsecureSkipVerify: o.TLS.InsecureSkipVerify,
		},
		ConnectTimeout: time.Duration(o.ConnectTimeout),
		BindTimeout:    time.Duration(o.BindTimeout),
		MaxConnections: o.MaxConnections,
	}
	if s := o.Search; s != nil {
		options.Search = &upstream.Search{Base: s.Base, Filter: s.Filter, BindDN: s.BindDN, Password: s.Password.Resolve}
	}
	return options
}

// CheckUpstream finds what is wrong with an upstream that its own Validate cannot
// know, such as a CA file that is not there. It touches no network. The error is
// a *store.FieldError where it is about one key.
func CheckUpstream(o *store.Upstream) error {
	pool, err := newUpstream(o)
	if err != nil {
		return err
	}
	pool.Close()
	return nil
}

// newUpstream makes a pool of an upstream that need not be stored. Its errors are those of CheckUpstream.
func newUpstream(o *store.Upstream) (*upstream.Upstream, error) {
	pool, err := upstream.New(optionsOf(o.WithDefaults()))
	if err == nil {
		return pool, nil
	}
	// The errors of New begin with the key.
	if path, message, ok := strings.Cut(err.Error(), ": "); ok && !strings.Contains(path, " ") {
		return nil, &store.FieldError{Path: path, Message: message}
	}
	return nil, err
}

func (c *configuredUpstream) close() {
	c.stop()
	if c.pool != nil {
		c.pool.Close()
	}
}

// run keeps the pools in step with the store and looked after until ctx ends.
func (u *upstreams) run(ctx context.Context) error {
	var running sync.WaitGroup
	start := func(c *configuredUpstream) {
		own, stop := context.WithCancel(ctx)
		c.stop = stop
		running.Go(func() {
			if err := c.pool.Run(own); err != nil && own.Err() == nil {
				u.logger.Error("upstream stopped", "upstream", c.name, "error", err)
			}
		})
	}
	u.mu.Lock()
	u.run1 = start
	for _, c := range u.byName {
		if c.err == nil {
			start(c)
		}
	}
	u.mu.Unlock()
	defer func() {
		u.mu.Lock()
		u.run1 = nil
		for _, c := range u.byName {
			c.close()
		}
		u.byName, u.read = nil, false
		u.mu.Unlock()
		running.Wait()
	}()
	for {
		seq := u.store.Seq()
		if err := u.refresh(); err != nil {
			u.logger.Error("upstreams cannot be read from the store", "error", err)
		}
		if _, err := u.store.Wait(ctx, seq); err != nil {
			return nil // ctx ended, or the store was closed
		}
	}
}

// health tells the state of each server of each upstream.
func (u *upstreams) health() map[string][]upstream.ServerHealth {
	u.mu.RLock()
	defer u.mu.RUnlock()
	all := make(map[string][]upstream.ServerHealth, len(u.byName))
	for name, c := range u.byName {
		if c.err != nil {
			all[name] = []upstream.ServerHealth{{LastError: c.err.Error()}}
			continue
		}
		all[name] = c.pool.Health()
	}
	return all
}
