package ldapwire_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// agreeOnFilterText compares with go-ldap's compiler where it accepts the text.
func agreeOnFilterText(t *testing.T, text string, f *ldapwire.Filter) {
	t.Helper()
	switch {
	case strings.Contains(text, "**"):
		return // go-ldap leaves out empty parts
	case f.String() != text && strings.Contains(strings.ToLower(text), ":dn"):
		return // go-ldap takes :DN for a rule
	}
	p, err := ldap.CompileFilter(text)
	if err != nil {
		return
	}
	b := tlv(0x30, []byte{2, 1, 1}, tlv(byte(ldapwire.OpSearchRequest), emptySearch, p.Bytes(), []byte("\x30\x00")))
	if got := decode(t, b).Search.Filter; !reflect.DeepEqual(got, *f) {
		t.Errorf("%q is\n%+v, by go-ldap\n%+v", text, *f, got)
	}
}

// view renders what the packet says as go-asn1-ber reads it; ok is false where
// it is no message that can be compared.
func view(p *ber.Packet) (text string, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false // a child or a value that is missing
		}
	}()
	op := p.Children[1]
	var b strings.Builder
	fmt.Fprintf(&b, "id %d op %#02x", p.Children[0].Value.(int64), identifier(op))
	str := func(p *ber.Packet) { fmt.Fprintf(&b, " %q", p.Data.Bytes()) }
	num := func(p *ber.Packet) { fmt.Fprintf(&b, " %d", p.Value.(int64)) }
	list := func(ps []*ber.Packet) {
		b.WriteString(" [")
		for _, p := range ps {
			str(p)
		}
		b.WriteString(" ]")
	}
	attribute := func(p *ber.Packet) {
		str(p.Children[0])
		list(p.Children[1].Children)
	}
	c := op.Children
	switch ldapwire.Op(identifier(op)) {
	case ldapwire.OpBindRequest:
		num(c[0])
		str(c[1])
		switch identifier(c[2]) {
		case 0x80:
			str(c[2])
		case 0xa3:
			str(c[2].Children[0])
		}
	case ldapwire.OpSearchRequest:
		str(c[0])
		for _, n := range c[1:5] {
			num(n)
		}
		fmt.Fprintf(&b, " %t", c[5].Value.(bool))
		text, err := ldap.DecompileFilter(c[6])
		if err != nil || !comparable(c[6]) {
			return "", false
		}
		b.WriteString(" " + plainFilter(text))
		list(c[7].Children)
	case ldapwire.OpSearchResultEntry:
		str(c[0])
		for _, a := range c[1].Children {
			attribute(a)
		}
	case ldapwire.OpSearchResultReference:
		list(c)
	case ldapwire.OpDelRequest:
		str(op)
	case ldapwire.OpAddRequest:
		str(c[0])
		for _, a := range c[1].Children {
			attribute(a)
		}
	case ldapwire.OpModifyRequest:
		str(c[0])
		for _, change := range c[1].Children {
			num(change.Children[0])
			attribute(change.Children[1])
		}
	case ldapwire.OpModifyDNRequest:
		str(c[0])
		str(c[1])
		fmt.Fprintf(&b, " %t", c[2].Value.(bool))
		if len(c) > 3 && identifier(c[3]) == 0x80 {
			str(c[3])
		}
	case ldapwire.OpCompareRequest:
		str(c[0])
		str(c[1].Children[0])
		str(c[1].Children[1])
	case ldapwire.OpExtendedRequest:
		str(c[0])
	case ldapwire.OpBindResponse, ldapwire.OpSearchResultDone, ldapwire.OpModifyResponse, ldapwire.OpAddResponse, ldapwire.OpDelResponse,
		ldapwire.OpModifyDNResponse, ldapwire.OpCompareResponse, ldapwire.OpExtendedResponse:
		num(c[0])
		str(c[1])
		str(c[2])
	}
	if len(p.Children) > 2 && identifier(p.Children[2]) == 0xa0 {
		for _, control := range p.Children[2].Children {
			str(control.Children[0])
		}
	}
	return b.String(), true
}

// identifier is the identifier octet, 0 for one that takes more octets.
func identifier(p *ber.Packet) byte {
	if p.Tag >= 0x1f {
		return 0
	}
	return byte(p.ClassType) | byte(p.TagType) | byte(p.Tag)
}

// comparable tells whether every extensible match of the filter has its
// components once and in order: go-ldap takes the last one of each, and does not
// look at the class of its tag.
func comparable(filter *ber.Packet) bool {
	before := ber.Tag(0)
	for _, c := range filter.Children {
		if filter.Tag == ldap.FilterExtensibleMatch && (c.ClassType != ber.ClassContext || c.Tag <= before) {
			return false
		}
		before = c.Tag
		if filter.Tag <= ldap.FilterNot && !comparable(c) {
			return false
		}
	}
	return true
}

// viewOurs renders the same of a Message.
func viewOurs(m *ldapwire.Message) string {
	var b strings.Builder
	fmt.Fprintf(&b, "id %d op %#02x", m.ID, byte(m.Op))
	str := func(list ...[]byte) {
		for _, s := range list {
			fmt.Fprintf(&b, " %q", s)
		}
	}
	list := func(list [][]byte) {
		b.WriteString(" [")
		str(list...)
		b.WriteString(" ]")
	}
	attributes := func(all []ldapwire.Attribute) {
		for _, a := range all {
			str(a.Type)
			list(a.Values)
		}
	}
	switch m.Op {
	case ldapwire.OpBindRequest:
		fmt.Fprintf(&b, " %d", m.Bind.Version)
		str(m.Bind.Name)
		if !m.Bind.SASL {
			str(m.Bind.Password)
		} else if m.Bind.Choice == 0 {
			str(m.Bind.Mechanism)
		}
	case ldapwire.OpSearchRequest:
		s := &m.Search
		str(s.BaseObject)
		fmt.Fprintf(&b, " %d %d %d %d %t %s", s.Scope, s.DerefAliases, s.SizeLimit, s.TimeLimit, s.TypesOnly, plainFilter(s.Filter.String()))
		list(s.Attributes)
	case ldapwire.OpSearchResultEntry:
		str(m.Entry.DN)
		attributes(m.Entry.Attributes)
	case ldapwire.OpSearchResultReference:
		list(m.Reference)
	case ldapwire.OpDelRequest:
		str(m.Del)
	case ldapwire.OpAddRequest:
		str(m.Add.Entry)
		attributes(m.Add.Attributes)
	case ldapwire.OpModifyRequest:
		str(m.Modify.Object)
		for _, c := range m.Modify.Changes {
			fmt.Fprintf(&b, " %d", c.Operation)
			attributes([]ldapwire.Attribute{c.Attribute})
		}
	case ldapwire.OpModifyDNRequest:
		str(m.ModifyDN.Entry, m.ModifyDN.NewRDN)
		fmt.Fprintf(&b, " %t", m.ModifyDN.DeleteOldRDN)
		if m.ModifyDN.NewSuperior != nil {
			str(m.ModifyDN.NewSuperior)
		}
	case ldapwire.OpCompareRequest:
		str(m.Compare.Entry, m.Compare.Attribute, m.Compare.Value)
	case ldapwire.OpExtendedRequest:
		str(m.Extended.Name)
	case ldapwire.OpBindResponse, ldapwire.OpSearchResultDone, ldapwire.OpModifyResponse, ldapwire.OpAddResponse, ldapwire.OpDelResponse,
		ldapwire.OpModifyDNResponse, ldapwire.OpCompareResponse, ldapwire.OpExtendedResponse:
		fmt.Fprintf(&b, " %d", m.Result.Code)
		str(m.Result.MatchedDN, m.Result.Message)
	}
	for _, c := range m.Controls {
		str(c.OID)
	}
	return b.String()
}

// plainFilter has every octet that is no printable ASCII character escaped:
// go-ldap escapes some control characters and all of UTF-8, we the other way.
func plainFilter(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f {
			fmt.Fprintf(&b, `\%02x`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func agree(t *testing.T, b []byte) (compared bool) {
	t.Helper()
	var m ldapwire.Message
	if m.Decode(b, nil) != nil {
		return false
	}
	p, err := ber.DecodePacketErr(b)
	if err != nil {
		return false
	}
	theirs, ok := view(p)
	if !ok {
		return false
	}
	if ours := viewOurs(&m); ours != theirs {
		t.Errorf("%x is\n%s, by go-ldap\n%s", b, ours, theirs)
	}
	return true
}

// TestAgreementIsTested holds that the comparison of FuzzAgreement compares.
func TestAgreementIsTested(t *testing.T) {
	for _, s := range samples() {
		// ldap.DecompileFilter cannot read the dnAttributes of a decoded packet.
		if !agree(t, s.bytes) && !s.want.Search.Filter.DNAttributes {
			t.Errorf("%s was not compared", s.name)
		}
	}
	for _, p := range phoneSearches(t) {
		if !agree(t, p.bytes) {
			t.Errorf("%s was not compared", p.ID)
		}
	}
}

// FuzzAgreement holds that go-asn1-ber and go-ldap read the same from a message
// that both accept.
func FuzzAgreement(f *testing.F) {
	addMessages(f)
	f.Fuzz(func(t *testing.T, b []byte) { agree(t, b) })
}
