package admin_test

import (
	"testing"
)

func TestLogins(t *testing.T) {
	b := start(t)
	for _, tc := range []struct {
		name, user  string
		limit, want int
	}{
		{"all", "", 200, 200},
		{"one user's", "alice", 200, 50},
		{"few of one user", "alice", 3, 3},
		{"nobody's", "nobody", 3, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			logins, err := b.client.Logins(t.Context(), tc.user, tc.limit)
			if err != nil || logins == nil || len(logins) != tc.want {
				t.Errorf("%d logins, %v; want %d", len(logins), err, tc.want)
			}
		})
	}
}

func TestThrottle(t *testing.T) {
	b := start(t)
	throttled, err := b.client.Throttled(t.Context())
	if err != nil || len(throttled.Users) != 1 || throttled.Addresses == nil {
		t.Errorf("%+v, %v", throttled, err)
	}
	for _, tc := range []struct {
		name, kind, reset string
		status            int
	}{
		{"a user", "users", "alice", 0},
		{"nobody", "users", "nobody", 404},
		{"a network", "addresses", "2001:db8::/64", 0},
		{"an address that did nothing", "addresses", "192.0.2.1", 404},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := b.client.ResetThrottle(t.Context(), tc.kind, tc.reset)
			if tc.status == 0 && err != nil || tc.status != 0 && !problemIs(err, tc.status, tc.reset) {
				t.Errorf("%v, want %d", err, tc.status)
			}
		})
	}
}
