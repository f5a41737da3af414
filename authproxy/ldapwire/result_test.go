package ldapwire_test

import (
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

func TestResultCodeString(t *testing.T) {
	for _, c := range []struct {
		code ldapwire.ResultCode
		want string
	}{
		{0, "success"},
		{1, "operationsError"},
		{8, "strongerAuthRequired"},
		{14, "saslBindInProgress"},
		{34, "invalidDNSyntax"},
		{49, "invalidCredentials"},
		{52, "unavailable"},
		{53, "unwillingToPerform"},
		{71, "affectsMultipleDSAs"},
		{80, "other"},
		{9, "code 9"},
		{123, "code 123"},
		{4096, "code 4096"},
	} {
		if got := c.code.String(); got != c.want {
			t.Errorf("code %d is %q, want %q", int(c.code), got, c.want)
		}
	}
}

// Every name is that of the code. go-ldap has most of them too, with blanks.
func TestResultCodesAreNamedAlike(t *testing.T) {
	for code := range ldapwire.Other + 1 {
		got := code.String()
		if code == ldapwire.StrongerAuthRequired || code == ldapwire.OffsetRangeError || code == ldapwire.VirtualListViewError || strings.HasPrefix(got, "code ") {
			continue // go-ldap words them differently
		}
		if want := strings.ReplaceAll(ldap.LDAPResultCodeMap[uint16(code)], " ", ""); !strings.EqualFold(got, want) {
			t.Errorf("code %d is %q, by go-ldap %q", int(code), got, want)
		}
	}
}
