//go:build e2e

package e2e_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/hostile"
	"github.com/dialtree/dialtree/e2e/torture"
)

// Thousands of messages that are none, in all the ways there are, at the product and at others.
func TestTortureHostileMessages(t *testing.T) {
	p := preyProduct(t, hostileOptions(t), 200)
	t.Run(torture.Dialtree, func(t *testing.T) { hostileMessages(t, p) })
	t.Run(torture.Slapd, func(t *testing.T) { hostileMessages(t, preySlapd(t)) })
	t.Run(torture.Lloadd, func(t *testing.T) {
		if l := preyLloadd(t); l != nil {
			hostileMessages(t, l)
		}
	})
}

func hostileMessages(t *testing.T, p *prey) {
	const seed = 20240
	subject := p.target.Subject
	all := hostile.Cases(subject)
	all = append(all, hostile.Mutations(subject, seed, torture.Pick(6000, 200_000))...)
	t.Logf("seed %d; %d cases", seed, len(all))
	accepted := 0
	if p.wire != nil {
		accepted = p.rightBinds()
	}
	before := p.footprint(t)
	dear, admitted, logins, slowest := 0, 0, 0, time.Duration(0)
	for _, class := range hostile.Classes(all) {
		var cases []hostile.Case
		for i := range all {
			if all[i].Class == class {
				cases = append(cases, all[i])
			}
		}
		start := time.Now()
		tally := p.target.Drive(t.Context(), hostile.Plain, cases)
		over := time.Since(start)
		// Under TLS the same messages go the same way: a part of them shows that.
		if p.target.TLSAddress != "" {
			for _, transport := range []hostile.Transport{hostile.StartTLS, hostile.LDAPS} {
				tally.Add(p.target.Drive(t.Context(), transport, every(cases, torture.Pick(61, 17), int(transport))))
			}
		}
		deaths := p.deaths
		took := p.settled(t, before, 10*time.Second)
		slowest, dear, admitted, logins = max(slowest, took), dear+tally.Dear, admitted+tally.Admitted, logins+1
		p.judge(t, class, tally)
		t.Logf("%s: %v, in %v", class, tally, over)
		if p.deaths > deaths {
			torture.Note(t, clientsPart, class, p.server, "the process ended; %d of %d cases came through before that", tally.Cases-tally.Refused, tally.Cases)
			continue
		}
		torture.Note(t, clientsPart, class, p.server, "%s", figureOf(tally))
	}
	torture.Note(t, clientsPart, "longest bind and search of a fresh client after one of these", p.server, "%.1f ms", slowest.Seconds()*1000)
	torture.Note(t, clientsPart, "held before and after them", p.server, "%v; %v", before, p.footprint(t))
	if p.wire == nil {
		return
	}
	// Every login that the upstream accepted was meant: it was a whole message with the right password. And nobody was
	// let in whom the upstream did not accept.
	got := p.rightBinds() - accepted
	if got > dear+3*logins {
		t.Errorf("the upstream accepted %d binds; the clients sent %d with the right password, and up to %d were fresh clients", got, dear, 3*logins)
	}
	if got < admitted+logins {
		t.Errorf("the upstream accepted %d binds; %d and %d fresh clients were let in", got, admitted, logins)
	}
	torture.Note(t, clientsPart, "right binds among them: sent, accepted upstream, answered with success", p.server, "%d, %d, %d", dear, got-logins, admitted)
}

// every is each nth of the cases.
func every(cases []hostile.Case, n, from int) []hostile.Case {
	var some []hostile.Case
	for i := from % n; i < len(cases); i += n {
		some = append(some, cases[i])
	}
	return some
}

// figureOf is a tally as a cell of a table.
func figureOf(t *hostile.Tally) string {
	return fmt.Sprintf("%d cases: %d notice, %d result, %d closed, %d silent; %d otherwise than RFC 4511 asks",
		t.Cases, t.Notices, t.Results, t.Closes, t.Silences, t.Odd.Count+t.Harm.Count)
}
