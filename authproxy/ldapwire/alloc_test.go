package ldapwire_test

import (
	"testing"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// A bind is what this server does all day: decoding it into a message that is
// reused and encoding its answer must leave nothing to the garbage collector.
func TestBindAllocatesNothing(t *testing.T) {
	request := ldapwire.AppendBindRequest(nil, 7, 3, "uid=jdoe,ou=people,dc=example,dc=com", []byte("secret"))
	var m ldapwire.Message
	out := make([]byte, 0, 256)
	limits := &ldapwire.Limits{FilterDepth: 10}
	allocs := testing.AllocsPerRun(100, func() {
		if err := m.Decode(request, limits); err != nil {
			t.Fatal(err)
		}
		out = ldapwire.AppendBindResponse(out[:0], m.ID, ldapwire.InvalidCredentials, "Invalid credentials", nil)
	})
	if allocs != 0 {
		t.Errorf("decoding a bind and encoding its answer allocates %v times, want 0", allocs)
	}
}

// Nor do a phone's search and the entries it finds.
func TestSearchAllocatesNothing(t *testing.T) {
	for _, p := range phoneSearches(t) {
		var m ldapwire.Message
		var out []byte
		allocs := testing.AllocsPerRun(20, func() {
			if err := m.Decode(p.bytes, nil); err != nil {
				t.Fatal(err)
			}
			e := ldapwire.BeginEntry(out[:0], m.ID, "cn=a,dc=example,dc=com")
			for _, a := range benchAttributes {
				e.Attribute(a.name)
				e.Value(a.value)
			}
			out = ldapwire.AppendResult(e.End(), m.ID, ldapwire.OpSearchResultDone, ldapwire.Success, "", "")
		})
		if allocs != 0 {
			t.Errorf("decoding %s (%s) and encoding an entry and the end allocates %v times, want 0", p.ID, p.Filter, allocs)
		}
	}
}
