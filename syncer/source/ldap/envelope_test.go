package ldap

import (
	"testing"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// However the octets of an answer are cut into reads, the same is found in them; and what ldapwire writes is found good.
func FuzzWatch(f *testing.F) {
	answer := ldapwire.AppendSearchResultEntry(nil, 7, &ldapwire.Entry{DN: []byte("uid=a,dc=example,dc=com")})
	answer = ldapwire.AppendSearchResultReference(answer, 7, [][]byte{[]byte("ldap://elsewhere")})
	answer = append(answer, ldapwire.AppendNoticeOfDisconnection(nil, 0, "")...)
	answer = ldapwire.AppendResult(answer, 7, ldapwire.OpSearchResultDone, 0, "", "")
	f.Add(answer, uint8(1), true)
	f.Add(answer, uint8(5), true)
	f.Add(ldapwire.AppendResult(nil, 8, ldapwire.OpSearchResultDone, 0, "", ""), uint8(3), false)
	f.Add([]byte("\x30\x84\xff\xff\xff\xff"), uint8(2), false)
	f.Add([]byte{0x30, 0x80, 2, 1, 7}, uint8(1), false)
	f.Add([]byte{0x30, 3, 2, 1, 7, 0x65}, uint8(1), false)
	f.Fuzz(func(t *testing.T, b []byte, step uint8, good bool) {
		request := ldapwire.AppendSearchRequest(nil, 7, &ldapwire.SearchRequest{Filter: ldapwire.Filter{Kind: ldapwire.FilterPresent, Attribute: []byte("cn")}})
		var whole, parts watch
		whole.sent(request)
		parts.sent(request)
		want := whole.came(b)
		var got error
		for rest := b; len(rest) > 0 && got == nil; {
			n := min(max(int(step), 1), len(rest))
			got = parts.came(rest[:n])
			rest = rest[n:]
		}
		if (got == nil) != (want == nil) {
			t.Errorf("at once: %v; %d at a time: %v", want, step, got)
		}
		if string(b) == string(answer) && want != nil {
			t.Error(want)
		}
	})
}
