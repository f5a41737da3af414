// Package refusals takes note of what was refused at every door, and writes it to the store's log of refusals: what an administrator
// asks for when somebody could not log in, last night.
//
// Whoever is refused must pay for nothing but his own refusal. So it is counted in memory, like ones together, and written in one transaction
// every ten seconds; how many kinds are told apart in that time is bounded, for one network and for all, and the rest is counted as
// "others". Refusals of those whom the server knows have a bound of their own: a flood of made-up names does not hide that alice could not
// log in. A flood costs one lookup in a map for each refusal, and on the disk no more than two thousand records in ten seconds.
// What is not yet written is lost when the process is killed; the server's log has had a line for each login.
package refusals

import (
	"cmp"
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dialtree/dialtree/store"
)

const (
	// Every is how often what was refused is written.
	Every = 10 * time.Second
	// maxKinds is how many kinds of refusals are told apart between two writes, of known names and of all others each; maxOfNetwork
	// how many of one client's network: a guesser must not use up what others need.
	maxKinds     = 1000
	maxOfNetwork = 50
	// maxUnwritten is how many records are kept while the store cannot be written.
	maxUnwritten = 10 * maxKinds
	// lastWrite bounds the write at the end.
	lastWrite = 3 * time.Second
)

// Others is the outcome of refusals that were too many to be told apart.
const Others = "others"

// The doors of a refusal.
const (
	LDAP   = "ldap"
	LDAPS  = "ldaps" // LDAP under TLS, also after StartTLS
	Page   = "page"
	API    = "api"
	Socket = "socket"
)

// A Refusal is something that was refused. Its texts are kept as they are until they are written: they must not change, nor hold a secret.
type Refusal struct {
	Door    string
	Name    string // as it was sent; any bytes
	Known   bool   // somebody is called so
	From    netip.Addr
	Outcome string // its class, of which there are few: it is a label of a metric
	Code    int    // of the answer; 0: there was none
	Reason  string
}

// Options are what a Collector needs.
type Options struct {
	Write      func(context.Context, []store.Refusal) error // required
	Logger     *slog.Logger                                 // required
	Registerer prometheus.Registerer                        // nil: there are no metrics
	Now        func() time.Time                             // nil: time.Now
}

// A Collector collects refusals. Its methods may be called concurrently; a nil one takes note of nothing.
type Collector struct {
	write   func(context.Context, []store.Refusal) error
	log     *slog.Logger
	now     func() time.Time
	refused *prometheus.CounterVec

	mu     sync.Mutex // guards what follows; held for map work only
	kinds  map[Refusal]*tally
	told   map[bool]int // how many kinds there are, of known names and others
	ofNet  map[netip.Addr]int
	latest [][]store.Refusal // of the last minute, the oldest first

	writing   sync.Mutex // held while the store is written; guards what follows
	unwritten []store.Refusal
	failed    bool
}

// A tally counts the refusals of one kind.
type tally struct {
	first, last time.Time
	count       int
	from        netip.Addr
}

// New checks the options. It starts nothing.
func New(o Options) (*Collector, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &Collector{write: o.Write, log: o.Logger, now: o.Now, refused: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "dialtree_refusals_total",
		Help: "What was refused, by the door and the class of the reason.",
	}, []string{"door", "outcome"})}
	c.clear()
	if o.Registerer == nil {
		return c, nil
	}
	return c, o.Registerer.Register(c.refused)
}

func (c *Collector) clear() {
	c.kinds, c.told, c.ofNet = make(map[Refusal]*tally), make(map[bool]int), make(map[netip.Addr]int)
}

// Add takes note of a refusal.
func (c *Collector) Add(r Refusal) {
	if c == nil {
		return
	}
	c.refused.WithLabelValues(r.Door, r.Outcome).Inc()
	r.Name, r.Reason = cut(r.Name, maxName), cut(r.Reason, maxReason)
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(r, now)
}

// add counts a refusal as one of its kind, or of its network's others, or of everybody's.
func (c *Collector) add(r Refusal, now time.Time) {
	from := r.From
	r.From = NetworkOf(from)
	t := c.kinds[r]
	if t == nil && c.ofNet[r.From] >= maxOfNetwork {
		r = Refusal{Door: r.Door, Known: r.Known, From: r.From, Outcome: Others}
		t = c.kinds[r]
	}
	if t == nil && c.told[r.Known] >= maxKinds {
		r = Refusal{Known: r.Known, Outcome: Others}
		t = c.kinds[r]
	}
	if t == nil {
		t = &tally{first: now}
		c.kinds[r] = t
		c.told[r.Known]++
		if r.Outcome != Others {
			c.ofNet[r.From]++
		}
	}
	t.last, t.from = now, from
	t.count++
}

// Run writes what was refused until ctx ends, and then once more.
func (c *Collector) Run(ctx context.Context) error {
	t := time.NewTicker(Every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
			defer cancel()
			c.Flush(last)
			return nil
		case <-t.C:
			c.Flush(ctx)
		}
	}
}

// Flush writes what was refused. What the store does not take is kept, up to a bound, for the next time.
func (c *Collector) Flush(ctx context.Context) {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.unwritten = append(c.unwritten, c.take()...)
	if len(c.unwritten) == 0 {
		return
	}
	err := c.write(ctx, c.unwritten)
	switch {
	case err == nil:
		c.unwritten = nil
	case !c.failed:
		c.log.Warn("what was refused cannot be written; it is kept in memory, up to a bound", "error", err)
	}
	c.failed = err != nil
	if over := len(c.unwritten) - maxUnwritten; over > 0 {
		c.unwritten = slices.Delete(c.unwritten, 0, over)
	}
}

// take ends what is being counted and returns it, the oldest first.
func (c *Collector) take() []store.Refusal {
	c.mu.Lock()
	kinds := c.kinds
	if len(kinds) > 0 {
		c.clear()
	}
	c.mu.Unlock()
	batch := records(kinds)
	since := c.now().Add(-time.Minute)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(batch) > 0 {
		c.latest = append(c.latest, batch)
	}
	c.latest = slices.DeleteFunc(c.latest, func(b []store.Refusal) bool { return b[len(b)-1].Last.Before(since) })
	return batch
}

// records makes records for the store.
func records(kinds map[Refusal]*tally) []store.Refusal {
	out := make([]store.Refusal, 0, len(kinds))
	for r, t := range kinds {
		out = append(out, record(r, t))
	}
	slices.SortFunc(out, func(a, b store.Refusal) int {
		return cmp.Or(a.First.Compare(b.First), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Reason, b.Reason))
	})
	return out
}

func record(r Refusal, t *tally) store.Refusal {
	out := store.Refusal{First: t.first.UTC().Truncate(time.Second), Last: t.last.UTC().Truncate(time.Second), Count: t.count,
		Door: r.Door, Name: Shown(r.Name), Outcome: r.Outcome, Code: r.Code, Reason: Shown(r.Reason), Others: r.Outcome == Others}
	switch {
	case out.Others && r.From.IsValid():
		out.Reason = "further refusals of the same seconds, from this network"
	case out.Others:
		out.Reason = "further refusals of the same seconds, from anywhere"
		return out
	}
	if t.from.IsValid() {
		out.From = t.from.Unmap().WithZone("").String()
	}
	return out
}

// NetworkOf is whose refusals are counted together: an IPv4 address, or the /64 that an IPv6 host picks its addresses from.
func NetworkOf(a netip.Addr) netip.Addr {
	a = a.Unmap()
	if a.Is6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}
