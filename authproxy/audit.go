package authproxy

import (
	"context"
	"log/slog"
	"net/netip"

	"github.com/dialtree/dialtree/refusals"
)

// audit writes the one line that a login leaves, counts it and keeps it for a while; a flood of refusals leaves
// fewer (lineBudget). There is no password in an attempt, so none can be in the line. A wrong password is no
// error of ours: only what an operator should act on is a warning.
func (f *Front) audit(client netip.AddrPort, a *attempt) {
	f.binds.WithLabelValues(a.method, a.upstream, a.outcome.String()).Inc()
	took := f.now().Sub(a.start)
	f.keep(client, a, took)
	if a.outcome != Accepted {
		code, _ := a.outcome.result()
		f.noteRefusal(refusals.Refusal{Door: a.door, Name: a.shownName(), Known: a.kind != nobody, From: client.Addr(), Outcome: a.outcome.String(), Code: int(code), Reason: a.reason})
	}
	level := slog.LevelInfo
	if a.outcome == Unavailable || a.outcome == Busy {
		level = slog.LevelWarn
	}
	ctx := context.Background()
	if !f.logger.Enabled(ctx, level) {
		return
	}
	left := 0
	if a.cheap() {
		var ok bool
		if left, ok = f.lines.take(f.now()); !ok {
			return
		}
	}
	name := a.name
	if len(name) > maxShownName {
		name = name[:maxShownName]
	}
	attrs := []slog.Attr{
		slog.String("address", client.String()),
		slog.String("name", name),
		slog.String("method", a.method),
		slog.String("upstream", a.upstream),
		slog.String("server", a.server),
		slog.String("outcome", a.outcome.String()),
		slog.String("reason", a.reason),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000),
	}
	if left > 0 {
		attrs = append(attrs, slog.Int("refusals_left_out", left))
	}
	f.logger.LogAttrs(ctx, level, "bind", attrs...)
}
