package authproxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/authproxy/upstream"
	"github.com/dialtree/dialtree/store"
)

func TestOutcomes(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want Outcome
		code ldapwire.ResultCode
	}{
		{"no error", nil, Accepted, 0},
		{"wrong password", &upstream.RefusedError{Code: 49}, Refused, 49},
		{"login that fits no bind name", fmt.Errorf("name: %w", upstream.ErrBadLogin), Refused, 49},
		{"outage", &upstream.UnavailableError{Phase: upstream.PhaseConnect, Err: errors.New("refused")}, Unavailable, 52},
		{"outage that is a timeout", &upstream.UnavailableError{Phase: upstream.PhaseConnect, Err: context.DeadlineExceeded}, Unavailable, 52},
		{"outage that is a dial that took too long", &upstream.UnavailableError{Phase: upstream.PhaseConnect, Err: dialTimeout(t)}, Unavailable, 52},
		{"too many wait", upstream.ErrBusy, Busy, 51},
		{"too many hashes", errPasswordQueue, Busy, 51},
		{"no turn in time", context.DeadlineExceeded, Busy, 51},
		{"anything else", errors.New("?"), Unavailable, 52},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := outcomeOf(tt.err)
			if code, _ := got.result(); got != tt.want || code != tt.code {
				t.Errorf("%v, %v; want %v, %v", got, code, tt.want, tt.code)
			}
		})
	}
}

// dialTimeout is what the net package gives for a context that has run out,
// which it makes equal to context.DeadlineExceeded.
func dialTimeout(t *testing.T) error {
	t.Helper()
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	_, err := new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:1")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%v is no DeadlineExceeded: this case shows nothing", err)
	}
	return err
}

// A login may be judged before another one of the account is refused, and come to
// the gate when that one has left it.
func TestWhoFindsTheGateFreeIsJudgedAgain(t *testing.T) {
	f := &Front{ledger: newLedger(ThrottleOptions{}), now: time.Now}
	a := attempt{kind: identityUser, key: "alice", from: desk, start: time.Now(), like: &population{upstream: "corp"}}
	a.user.Auth = store.Auth{Method: store.AuthUpstream, Upstream: "corp"}
	a.hash = f.ledger.hash(a.key, []byte("old"))
	if v := f.ledger.judge(a.key, a.hash, a.from, a.start); v != verdictAsk {
		t.Fatal(v)
	}
	f.ledger.wrong("alice", "old", desk, time.Now()) // the other one
	f.upstreams = newUpstreams(nil, nil, nil)
	f.askInTurn(t.Context(), &a, []byte("old")) // would panic without a store if it asked
	if a.outcome != Remembered {
		t.Errorf("%v, want remembered", a.outcome)
	}
}
