package authproxy_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

// Whoever tries one password again and again, or many, gets the same answers in the same order, whether there is such a user or not.
func TestNamesAreNotToldByTheOrderOfAnswers(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(o *authproxy.Options, _ *store.Upstream) { o.Throttle.AddressFailures = 1000 })
	answers := func(name string) []ldapwire.ResultCode {
		var codes []ldapwire.ResultCode
		c := b.dial()
		for range 6 {
			codes = append(codes, c.bind(name, "the same"))
		}
		for i := range 6 {
			codes = append(codes, c.bind(name, fmt.Sprint("another ", i)))
		}
		return codes
	}
	want := answers("alice")
	if slices.Index(want, ldapwire.Busy) < 6 {
		t.Fatalf("of a user: %v", want)
	}
	for _, name := range []string{"mallory", "dora", "nina", "otto", "inge", "uid=mallory2,ou=users,dc=dialtree", "x@example.com"} {
		if got := answers(name); !slices.Equal(got, want) {
			t.Errorf("%s: %v\nwant as for a user: %v", name, got, want)
		}
	}
}

// Several passwords at once take no longer for a name that exists.
func TestNamesAreNotToldByLoginsAtOnce(t *testing.T) {
	b := newBench(t, nil)
	b.directory.set(func(d *directory) { d.delay = 60 * time.Millisecond })
	for i := range 4 {
		b.dial().bind("otto", fmt.Sprint("so that its time is known ", i))
	}
	time.Sleep(1100 * time.Millisecond) // a beat is reckoned a second after the first answer
	slowest := func(name string) time.Duration {
		times := make(chan time.Duration)
		for i := range 3 {
			c := b.dial()
			go func() {
				begin := time.Now()
				c.bind(name, fmt.Sprint("guess ", i))
				times <- time.Since(begin)
			}()
		}
		return max(<-times, <-times, <-times)
	}
	known, unknown := slowest("alice"), slowest("mallory")
	if unknown < known/2 || known < 180*time.Millisecond {
		t.Errorf("three wrong passwords at once: %v for a user, %v for nobody", known, unknown)
	}
}

// A phone that tried its password before its user was imported, or while he was disabled, logs in as soon as he can.
func TestAPasswordTriedTooEarlyIsNotHeldAgainstTheUser(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	for range 3 {
		if code := b.dial().bind("dora", "right"); code != ldapwire.InvalidCredentials {
			t.Fatalf("while she is disabled: %v", code)
		}
		if code := b.dial().bind("late", "right"); code != ldapwire.InvalidCredentials {
			t.Fatalf("before he is imported: %v", code)
		}
	}
	b.directory.set(func(d *directory) { d.passwords["uid=late"+people] = "right" })
	b.change("dora", func(e *store.Entry) { e.Auth.Disabled = false })
	b.apply(&store.Changes{Put: []store.Entry{user("late", store.Auth{Method: store.AuthUpstream, Upstream: "corp"})}})
	for _, name := range []string{"dora", "late"} {
		if code := b.dial().bind(name, "right"); code != ldapwire.Success {
			t.Errorf("%s: %v", name, code)
		}
	}
}
