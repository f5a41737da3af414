package authproxy

import (
	"bytes"
	"net/netip"
	"strings"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapserver"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/authproxy/trace"
	"github.com/dialtree/dialtree/authproxy/upstream"
	"github.com/dialtree/dialtree/store"
)

// Follow follows the requests of a user or a device, by name in any form, of an address or a network, or of everybody: all. The follower
// has to be closed. The error is trace.ErrTooMany.
func (f *Front) Follow(what string) (*trace.Follower, error) { return f.traces.Follow(f.target(what)) }

func (f *Front) target(what string) trace.Target {
	if what == "all" {
		return trace.Target{All: true}
	}
	if p, err := netip.ParsePrefix(what); err == nil {
		return trace.Target{Networks: []netip.Prefix{p.Masked()}}
	}
	if a, err := netip.ParseAddr(what); err == nil {
		a = a.Unmap().WithZone("")
		return trace.Target{Networks: []netip.Prefix{netip.PrefixFrom(a, a.BitLen())}}
	}
	var t trace.Target
	b := f.names.parse(what)
	for _, login := range b.logins {
		if name, ok := store.NormalizeName(login); ok {
			t.Accounts = append(t.Accounts, name)
		}
	}
	if name, ok := store.NormalizeName(b.device); ok {
		t.Accounts = append(t.Accounts, deviceKey(name))
	}
	return t
}

// serveFollowed is Serve while somebody follows something.
func (f *Front) serveFollowed(w *ldapserver.ResponseWriter, r *ldapserver.Request) {
	t := f.traces.Begin(r.Conn, r.Message, func() string { return f.accountOf(r) })
	f.serve(w, r, t)
	t.End(w)
}

// accountOf is the account that a request is of: whom a bind means, and otherwise who is bound.
func (f *Front) accountOf(r *ldapserver.Request) string {
	if r.Message.Op != ldapwire.OpBindRequest {
		who := reader(r.Conn)
		if who == nil {
			return ""
		}
		name, _ := store.NormalizeName(who.User + who.Device)
		if who.Device != "" {
			return deviceKey(name)
		}
		return name
	}
	b := &r.Message.Bind
	name := b.Name
	if parts := bytes.Split(b.Credentials, []byte{0}); b.SASL && len(parts) == 3 {
		name = parts[1]
	}
	a := attempt{name: string(name[:min(len(name), maxName+1)])}
	if f.find(&a) != nil {
		return ""
	}
	return a.key
}

// traceFound tells what a name turned out to mean.
func (a *attempt) traceFound(err error) {
	switch {
	case a.trace == nil:
	case err != nil:
		a.trace.Step("account", -1, trace.Attr{Key: "error", Value: err.Error()})
	case a.kind == nobody:
		a.trace.Step("account", -1, trace.Attr{Key: "found", Value: "no"})
	case a.kind == identityDevice:
		a.trace.Step("account", -1, trace.Attr{Key: "device", Value: a.device.name})
	default:
		attrs := []trace.Attr{{Key: "user", Value: a.user.Username}, {Key: "checked_by", Value: a.method}}
		if a.upstream != "" {
			attrs = append(attrs, trace.Attr{Key: "upstream", Value: a.upstream})
		}
		a.trace.Step("account", -1, attrs...)
	}
}

// traceVerdict tells what the ledger said.
func (a *attempt) traceVerdict(v verdict) {
	if a.trace == nil {
		return
	}
	word := map[verdict]string{
		verdictAsk: "ask: this password has not worked before", verdictProven: "ask: this password worked last",
		verdictThrottled: "throttled", verdictRemembered: "refused a moment ago",
	}[v]
	a.trace.Step("ledger", -1, trace.Attr{Key: "verdict", Value: word})
}

// traceStep tells how long a step took that began then.
func (a *attempt) traceStep(what string, since time.Time) {
	if a.trace != nil {
		a.trace.Step(what, time.Since(since))
	}
}

// traceUpstream tells of a step of an upstream's bind.
func traceUpstream(t *trace.Request, s upstream.Step) {
	var attrs []trace.Attr
	if s.Server != "" {
		attrs = append(attrs, trace.Attr{Key: "server", Value: s.Server})
	}
	if s.Detail != "" {
		attrs = append(attrs, trace.Attr{Key: "detail", Value: s.Detail})
	}
	if s.Err != nil {
		attrs = append(attrs, trace.Attr{Key: "error", Value: strings.TrimSpace(s.Err.Error())})
	}
	t.Step("upstream "+string(s.Phase), s.Duration, attrs...)
}

// traceOutcome notes what the administrator is told beside the result.
func (a *attempt) traceOutcome() {
	if a.trace != nil {
		a.trace.Because(trace.Attr{Key: "outcome", Value: a.outcome.String()}, trace.Attr{Key: "reason", Value: a.reason})
	}
}
