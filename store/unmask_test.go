package store_test

import (
	"testing"

	"github.com/dialtree/dialtree/store"
)

func TestUnmask(t *testing.T) {
	stored := &store.Connector{Source: store.Source{LDAP: &store.LDAPSource{Password: store.Literal("old")}}}
	for _, tc := range []struct {
		name   string
		given  store.Secret
		stored store.Object
		want   string // "": it stays masked
	}{
		{"a masked one is the stored one", store.Literal("[secret]"), stored, "old"},
		{"another one stays", store.Literal("new"), stored, "new"},
		{"none at that place", store.Literal("[secret]"), &store.Connector{}, ""},
		{"an object of another kind", store.Literal("[secret]"), &store.Upstream{Search: &store.UpstreamSearch{Password: store.Literal("old")}}, ""},
	} {
		c := &store.Connector{Source: store.Source{LDAP: &store.LDAPSource{Password: tc.given}}}
		store.Unmask(c, tc.stored)
		got := c.Source.LDAP.Password
		if tc.want == "" {
			if !got.IsMasked() {
				t.Errorf("%s: not masked", tc.name)
			}
			continue
		}
		if text, err := got.Resolve(); text != tc.want || err != nil {
			t.Errorf("%s: another secret, %v", tc.name, err)
		}
	}
}
