package authproxy_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

func offline(_ *authproxy.Options, u *store.Upstream) {
	forget := store.Duration(0)
	u.Cache.Offline, u.Cache.Refused = store.Duration(time.Hour), &forget
}

// An account that the directory has ended, whatever the password, does not live on in the offline cache.
func TestOfflineCacheEndsWithTheAccount(t *testing.T) {
	t.Parallel()
	ad := func(data string) string {
		return "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data " + data + ", v4563"
	}
	for name, refusal := range map[string]struct {
		code ldapwire.ResultCode
		text string
	}{
		"disabled":           {49, ad("533")},
		"expired":            {49, ad("701")},
		"password expired":   {49, ad("532")},
		"must change":        {49, ad("773")},
		"locked":             {49, ad("775")},
		"locked, 389-ds":     {ldapwire.ConstraintViolation, "Exceed password retry limit. Please try later."},
		"inactive, 389-ds":   {ldapwire.UnwillingToPerform, "Account inactivated. Contact system administrator."},
		"removed":            {ldapwire.NoSuchObject, ""},
		"without a password": {ldapwire.InappropriateAuthentication, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, offline)
			if code := b.dial().bind("alice", "right"); code != 0 {
				t.Fatal(code)
			}
			b.directory.set(func(d *directory) { d.code, d.refusal = refusal.code, refusal.text })
			if code := b.dial().bind("alice", "right"); code != 49 {
				t.Fatalf("while the directory refuses: %v", code)
			}
			b.directory.stop()
			if code := b.dial().bind("alice", "right"); code == 0 {
				t.Error("an account that the directory has ended is accepted while it is away")
			}
		})
	}
}

// The offline cache is for outages: a directory that is there and says neither yes nor no to this user is none.
func TestOfflineCacheIsForOutages(t *testing.T) {
	for code, want := range map[ldapwire.ResultCode]ldapwire.ResultCode{
		ldapwire.Busy: 0, ldapwire.Unavailable: 0, ldapwire.OperationsError: 0, ldapwire.Other: 0,
		ldapwire.UnwillingToPerform:       ldapwire.Unavailable, // in some languages that is an account that was disabled
		ldapwire.StrongerAuthRequired:     ldapwire.Unavailable,
		ldapwire.InsufficientAccessRights: ldapwire.Unavailable,
		ldapwire.Referral:                 ldapwire.Unavailable,
	} {
		t.Run(code.String(), func(t *testing.T) {
			b := newBench(t, offline)
			if code := b.dial().bind("alice", "right"); code != 0 {
				t.Fatal(code)
			}
			b.directory.set(func(d *directory) { d.code = code })
			if got := b.dial().bind("alice", "right"); got != want {
				t.Errorf("%v, want %v", got, want)
			}
		})
	}
}

// The wait for other logins of the account is part of bind_timeout.
func TestTheWaitForOtherLoginsIsPartOfTheTimeout(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.directory.set(func(d *directory) { d.delay = 1500 * time.Millisecond })
	var all sync.WaitGroup
	for i := range 4 {
		c := b.dial()
		all.Go(func() {
			begin := time.Now()
			code := c.bind("alice", fmt.Sprintf("wrong %d", i))
			if d := time.Since(begin); d > 2900*time.Millisecond {
				t.Errorf("%v after %v with a bind_timeout of 2s", code, d)
			}
		})
	}
	all.Wait()
}
