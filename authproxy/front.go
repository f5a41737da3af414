package authproxy

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/dialtree/dialtree/authproxy/directory"
	"github.com/dialtree/dialtree/authproxy/ldapserver"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/authproxy/trace"
	"github.com/dialtree/dialtree/store"
)

const (
	// internalProven is how long an internal password is known to match the stored
	// hash without computing it again. Any change of the user ends it at once.
	internalProven = time.Hour
	// defaultRefused is how long a wrong password is remembered where no upstream
	// says otherwise.
	defaultRefused = time.Minute
)

// Options are what a Front needs. Zero values mean the defaults of design.md.
type Options struct {
	Store         *store.Store
	BaseDN        string // default dc=dialtree
	RequireTLS    bool
	StartTLS      bool           // StartTLS is offered: the root DSE says so
	AnonymousFrom []netip.Prefix // whose clients may read what everyone may read without a bind
	Throttle      ThrottleOptions
	Search        SearchLimits
	Numbering     directory.Numbering // zero: Germany's
	Output        directory.Output
	Hasher        *Hasher  // shared with whoever sets internal passwords
	Refusals      Refusals // nil: nobody takes note
	Caution       Caution  // nil: there are no other nodes
	CautionKey    [32]byte // with Caution: of the hashes that nodes tell each other, the same at each and known to nobody else
	Logger        *slog.Logger
	Registerer    prometheus.Registerer
	Version       string // for the root DSE
	Now           func() time.Time
}

// A Front answers LDAP requests. It is an ldapserver.Handler, and a Watcher of the same server.
type Front struct {
	store         *store.Store
	names         *names
	tree          *directory.Tree
	requireTLS    bool
	startTLS      bool
	anonymousFrom []netip.Prefix
	searchLimits  atomic.Pointer[SearchLimits]
	searches      sync.Pool // of *search
	cookieKey     [32]byte
	ledger        *ledger
	logins        logins
	lines         lineBudget
	refusals      Refusals
	traces        trace.Hub
	hasher        *Hasher
	accounts      recent[store.Account]
	devices       recent[device]
	upstreams     *upstreams
	populations   *populations
	logger        *slog.Logger
	binds         *prometheus.CounterVec
	now           func() time.Time
}

// New checks the options and returns a Front. Run it before requests come.
func New(o Options) (*Front, error) {
	if o.Store == nil || o.Logger == nil || o.Registerer == nil {
		return nil, errors.New("authproxy: Store, Logger and Registerer must be set")
	}
	if o.Caution != nil && o.CautionKey == [32]byte{} {
		return nil, errors.New("authproxy: Caution needs the CautionKey")
	}
	if o.BaseDN == "" {
		o.BaseDN = "dc=dialtree"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Hasher == nil {
		o.Hasher = NewHasher()
	}
	names, err := newNames(o.BaseDN)
	if err != nil {
		return nil, fmt.Errorf("base_dn %q: %w", o.BaseDN, err)
	}
	tree, err := directory.New(directory.Options{
		Store: o.Store, BaseDN: o.BaseDN, Version: o.Version, Numbering: o.Numbering, Output: o.Output,
		Loaded: func(l directory.Loaded) {
			o.Logger.Log(context.Background(), loadedLevel(l), "directory read", "change", l.Seq, "entries", l.Entries,
				"everything", l.Whole, "duration_ms", float64(l.Took.Microseconds())/1000)
		},
	})
	if err != nil {
		return nil, fmt.Errorf("base_dn %q: %w", o.BaseDN, err)
	}
	f := &Front{
		store:         o.Store,
		names:         names,
		tree:          tree,
		requireTLS:    o.RequireTLS,
		startTLS:      o.StartTLS,
		anonymousFrom: o.AnonymousFrom,
		ledger:        newLedger(o.Throttle),
		refusals:      o.Refusals,
		hasher:        o.Hasher,
		accounts:      recent[store.Account]{seq: o.Store.Seq, read: o.Store.Account},
		devices:       recent[device]{seq: o.Store.Seq, read: readDevice(o.Store)},
		upstreams:     newUpstreams(o.Store, o.Registerer, o.Logger),
		populations:   newPopulations(o.Store),
		logger:        o.Logger,
		now:           o.Now,
		binds: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dialtree_bind_total",
			Help: "Logins by the method of the account, its upstream and how they ended.",
		}, []string{"method", "upstream", "outcome"}),
	}
	if o.Caution != nil {
		f.ledger.share(o.Caution, o.CautionKey)
	}
	rand.Read(f.cookieKey[:]) // never fails, says crypto/rand
	f.SetSearchLimits(o.Search)
	if err := o.Registerer.Register(f.binds); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return f, nil
}

// Run keeps the pools of upstream connections, and the directory, until ctx ends.
func (f *Front) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return f.upstreams.run(ctx) })
	g.Go(func() error { return f.populations.run(ctx) })
	g.Go(func() error { return f.tree.Run(ctx) })
	return g.Wait()
}

// Ready tells whether searches are answered: the directory was read.
func (f *Front) Ready() bool { return f.tree.Ready() }

// Current tells whether searches see the store as it is now.
func (f *Front) Current() bool { return f.tree.Seq() == f.store.Seq() && f.tree.Ready() }

// Find finds entries as an administrator sees them.
func (f *Front) Find(ctx context.Context, q directory.FindQuery) (directory.Found, error) {
	return f.tree.Find(ctx, q)
}

// Dialled returns the form in which telephone numbers are compared; empty for what is none.
func (f *Front) Dialled(number string) string { return f.tree.Dialled(number) }

// EntryDN is the DN of an entry.
func (f *Front) EntryDN(e *store.Entry) string { return f.tree.EntryDN(e) }

// loadedLevel has an operator see what takes long, and not every edit.
func loadedLevel(l directory.Loaded) slog.Level {
	if l.Whole || l.Took > time.Second {
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// SetThrottle replaces the limits on failed logins.
func (f *Front) SetThrottle(o ThrottleOptions) { f.ledger.setLimits(o) }

// Serve answers one request.
func (f *Front) Serve(w *ldapserver.ResponseWriter, r *ldapserver.Request) {
	if f.traces.Idle() {
		f.serve(w, r, nil)
		return
	}
	f.serveFollowed(w, r)
}

func (f *Front) serve(w *ldapserver.ResponseWriter, r *ldapserver.Request, t *trace.Request) {
	f.answer(w, r, t)
	f.refusedRequest(w, r)
}

func (f *Front) answer(w *ldapserver.ResponseWriter, r *ldapserver.Request, t *trace.Request) {
	m := r.Message
	if oid, found := unknownCritical(m); found {
		// RFC 4511, section 4.1.11: the operation is not done.
		text := "the control " + strconv.Quote(oid) + " is not offered here"
		if m.Op == ldapwire.OpBindRequest {
			f.refuse(w, r, m.Bind.Name, ldapwire.UnavailableCriticalExtension, "not_offered", text, text)
			return
		}
		w.Result(ldapwire.UnavailableCriticalExtension, "", text)
		return
	}
	switch m.Op {
	case ldapwire.OpBindRequest:
		f.bind(w, r, t)
	case ldapwire.OpSearchRequest:
		f.search(w, r)
	case ldapwire.OpCompareRequest:
		f.compare(w, r)
	case ldapwire.OpExtendedRequest:
		f.extended(w, r, t)
	case ldapwire.OpAddRequest, ldapwire.OpModifyRequest, ldapwire.OpDelRequest, ldapwire.OpModifyDNRequest:
		w.Result(ldapwire.UnwillingToPerform, "", "entries are changed by their connector or the administrator (dialtree apply), not over LDAP")
	default:
		w.Result(ldapwire.ProtocolError, "", "this operation is not known")
	}
}

// printable returns what a client sent as something that may stand in an answer.
func printable(b []byte) string {
	if len(b) > 64 {
		b = b[:64]
	}
	out := make([]byte, len(b))
	for i, c := range b {
		if c < 0x20 || c > 0x7e {
			c = '?'
		}
		out[i] = c
	}
	return string(out)
}
