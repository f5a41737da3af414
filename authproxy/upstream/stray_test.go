package upstream_test

import (
	"sync"
	"testing"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// An answer that was meant for another connection, or that was given before, must not fit: a connection begins with a message
// ID that no other has.
func TestMessageIDsOfConnectionsDiffer(t *testing.T) {
	var mu sync.Mutex
	first := map[int32]int{}
	f := start(t, func(p *peer) {
		for n := 0; ; n++ {
			m, err := p.next()
			if err != nil {
				return
			}
			mu.Lock()
			if first[m.ID]++; n == 0 && m.ID < 1000 {
				t.Errorf("a connection begins with the message ID %d", m.ID)
			}
			mu.Unlock()
			p.answer(m.ID, ldapwire.Success, "")
		}
	})
	for range 16 {
		u := open(t, options("ldap://"+f.address))
		for range 4 {
			if err := bind(u, rightPassword); err != nil {
				t.Fatal(err)
			}
		}
		u.Close()
	}
	if len(first) != 16*4 {
		t.Errorf("64 requests had %d message IDs", len(first))
	}
}

// RFC 4511, section 4.4: notifications are advice. One that is not known is no reason to give an answer up.
func TestUnknownNotificationsArePassedOver(t *testing.T) {
	unknown := func(id int32) []byte {
		return ldapwire.AppendExtendedResponse(nil, id, ldapwire.Success, "", "1.3.6.1.4.1.99999.1", nil)
	}
	for _, test := range []struct {
		name   string
		before []byte
		want   string
	}{
		{"one", unknown(0), "accepted"},
		{"a few", append(append(unknown(0), unknown(0)...), unknown(0)...), "accepted"},
		{"too many", func() (b []byte) {
			for range 100 {
				b = append(b, unknown(0)...)
			}
			return b
		}(), "unavailable"},
		{"a notice of disconnection", ldapwire.AppendNoticeOfDisconnection(nil, ldapwire.Unavailable, ""), "unavailable"},
		{"one without a name", ldapwire.AppendExtendedResponse(nil, 0, ldapwire.Unavailable, "", "", nil), "unavailable"},
		{"no notification", ldapwire.AppendBindResponse(nil, 0, ldapwire.Success, "", nil), "unavailable"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := start(t, reply(func(id int32) []byte {
				return ldapwire.AppendBindResponse(append([]byte(nil), test.before...), id, ldapwire.Success, "", nil)
			}))
			if err := bind(open(t, options("ldap://"+f.address)), rightPassword); class(err) != test.want {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
}
