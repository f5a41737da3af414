package ldapwire_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

func decode(t *testing.T, b []byte) ldapwire.Message {
	t.Helper()
	var m ldapwire.Message
	if err := m.Decode(b, nil); err != nil {
		t.Fatalf("Decode(%x): %v", b, err)
	}
	return m.Exported()
}

func TestEveryMessageRoundTrips(t *testing.T) {
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			var m ldapwire.Message
			if err := m.Decode(s.bytes, nil); err != nil {
				t.Fatalf("Decode(%x): %v", s.bytes, err)
			}
			if got := m.Exported(); !reflect.DeepEqual(got, s.want) {
				t.Errorf("decoded\n%+v, want\n%+v", got, s.want)
			}
			prefix := []byte("before")
			if got := m.Append(prefix); !bytes.Equal(got, append([]byte("before"), s.bytes...)) {
				t.Errorf("Append gives\n%x, want\n%x", got[len(prefix):], s.bytes)
			}
		})
	}
}

// wldap32 encodes every length in four octets. What that does to a message is
// worked out by another implementation.
func TestLongFormLengths(t *testing.T) {
	for _, s := range samples() {
		for _, octets := range []int{1, 4, 8} {
			p, err := ber.DecodePacketErr(s.bytes)
			if err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
			long := longForm(p, octets)
			if got := decode(t, long); !reflect.DeepEqual(got, s.want) {
				t.Errorf("%s with lengths of %d octets: %x decodes to\n%+v, want\n%+v", s.name, octets, long, got, s.want)
			}
		}
	}
}

// longForm encodes p with every length in octets octets, or more if need be.
func longForm(p *ber.Packet, octets int) []byte {
	content := p.Data.Bytes()
	if p.TagType == ber.TypeConstructed {
		content = nil
		for _, child := range p.Children {
			content = append(content, longForm(child, octets)...)
		}
	}
	for octets < 8 && len(content)>>(8*octets) > 0 {
		octets++
	}
	head := []byte{byte(p.ClassType) | byte(p.TagType) | byte(p.Tag), 0x80 | byte(octets)}
	for i := octets - 1; i >= 0; i-- {
		head = append(head, byte(len(content)>>(8*i)))
	}
	return append(head, content...)
}

// BER as it comes, beyond what Append writes.
func TestDecodeIsTolerant(t *testing.T) {
	bind := ldapwire.Message{ID: 1, Op: ldapwire.OpBindRequest, Bind: ldapwire.BindRequest{Version: 3, Name: []byte{}, Password: []byte{}}}
	search := ldapwire.Message{ID: 1, Op: ldapwire.OpSearchRequest, Search: ldapwire.SearchRequest{BaseObject: []byte{}, TypesOnly: true, Filter: mustFilter("(a=*)")}}
	for _, c := range []struct {
		name, hex string
		want      ldapwire.Message
	}{
		{"plain", "300c 020101 6007 020103 0400 8000", bind},
		{"lengths as wldap32 writes them", "3084 00000010 020101 6084 00000007 020103 0400 8000", bind},
		{"empty controls inside the bind request", "300e 020101 6009 020103 0400 8000 a000", bind},
		{"empty controls", "300e 020101 6007 020103 0400 8000 a000", bind},
		{"trailing elements in the message, one with a long tag", "3013 020101 6007 020103 0400 8000 8a00 9f810101aa", bind},
		{"leading octets of numbers", "3016 020400000001 600e 02080000000000000003 0400 8000", bind},
		{"TRUE is anything but zero", "301b 020101 6316 0400 0a0100 0a0100 020100 020100 010101 870161 3000", search},
		{"a trailing element in a filter", "3021 020101 631c 0400 0a0100 0a0100 020100 020100 0101ff a207 870161 0500 0500 3000",
			ldapwire.Message{ID: 1, Op: ldapwire.OpSearchRequest, Search: ldapwire.SearchRequest{BaseObject: []byte{}, TypesOnly: true, Filter: mustFilter("(!(a=*))")}}},
		{"a control of nothing but its type", "300d 020101 4200 a006 3004 0402 312e",
			ldapwire.Message{ID: 1, Op: ldapwire.OpUnbindRequest, Controls: []ldapwire.Control{{OID: []byte("1.")}}}},
		{"an explicit FALSE", "3010 020101 4200 a009 3007 0402 312e 010100",
			ldapwire.Message{ID: 1, Op: ldapwire.OpUnbindRequest, Controls: []ldapwire.Control{{OID: []byte("1.")}}}},
		{"an empty substring", "3021 020101 631c 0400 0a0100 0a0100 020100 020100 0101ff a407 040161 3002 8100 3000",
			ldapwire.Message{ID: 1, Op: ldapwire.OpSearchRequest, Search: ldapwire.SearchRequest{BaseObject: []byte{}, TypesOnly: true,
				Filter: ldapwire.Filter{Kind: ldapwire.FilterSubstrings, Attribute: []byte("a"), Any: bs("")}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := decode(t, unhex(t, c.hex)); !reflect.DeepEqual(got, c.want) {
				t.Errorf("decoded\n%+v, want\n%+v", got, c.want)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	const bind, search, unbind = ldapwire.OpBindRequest, ldapwire.OpSearchRequest, ldapwire.OpUnbindRequest
	// A search up to its filter, as the content of the operation.
	const head = "0400 0a0102 0a0100 020100 020100 010100 "
	for _, c := range []struct {
		name, hex string
		id        int32
		op        ldapwire.Op
		offset    int
		what      string
	}{
		{"nothing", "", 0, 0, 0, "message: missing"},
		{"HTTP", "474554202f20", 0, 0, 0, "message: longer than what surrounds it"},
		{"no SEQUENCE", "3100", 0, 0, 0, "message: identifier 0x31 where 0x30 belongs"},
		{"TLS", "1603010000", 0, 0, 0, "message: identifier 0x16 where 0x30 belongs"},
		{"an empty message", "3000", 0, 0, 2, "message ID: missing"},
		{"bytes after the message", "3005 020101 4200 00", 0, 0, 7, "message: bytes follow its end"},
		{"a message cut off", "3006 020101 4200", 0, 0, 0, "message: longer than what surrounds it"},
		{"an indefinite length", "3080 020101 4200 0000", 0, 0, 0, "message: indefinite length"},
		{"an indefinite length inside", "300a 020101 6080 020103 0000", 0, 0, 5, "operation: indefinite length"},
		{"a length of 9 octets", "300e 020101 4289 000000000000000000", 0, 0, 5, "operation: length of more than 8 octets"},
		{"a length of 126 octets", "30fe", 0, 0, 0, "message: length of more than 8 octets"},
		{"a reserved length", "30ff", 0, 0, 0, "message: length of more than 8 octets"},
		{"a length that overflows", "300d 020101 4288 ffffffffffffffff", 0, 0, 5, "operation: longer than what surrounds it"},
		{"a tag out of reason", "300c 020101 5f ffffffffffff7f 00", 0, 0, 5, "operation: tag number is out of reason"},
		{"a header cut off", "3004 020101 42", 0, 0, 5, "operation: header is cut off"},
		{"a long tag cut off", "3005 020101 5f81", 0, 0, 5, "operation: header is cut off"},
		{"a long tag without length", "3006 020101 5f8101", 0, 0, 5, "operation: header is cut off"},
		{"no operation", "3003 020101", 0, 0, 5, "operation: missing"},
		{"an operation that is none", "3005 020101 4300", 1, 0x43, 5, "operation: identifier 0x43 is none of LDAP's"},
		{"a message ID that is no INTEGER", "3005 040101 4200", 0, 0, 2, "message ID: identifier 0x04 where 0x02 belongs"},
		{"an empty message ID", "3004 0200 4200", 0, 0, 2, "message ID: not a number of 1 to 8 octets"},
		{"a negative message ID", "3005 0201ff 4200", 0, 0, 2, "message ID: number is out of range"},
		{"a message ID of 2^31", "3009 02050080000000 4200", 0, 0, 2, "message ID: number is out of range"},
		{"a message ID of 9 octets", "300d 0209000000000000000001 4200", 0, 0, 2, "message ID: not a number of 1 to 8 octets"},
		{"an unbind with content", "3006 020101 420100", 1, unbind, 5, "unbind request: not empty"},
		{"an abandon of nothing", "3005 020101 5000", 1, ldapwire.OpAbandonRequest, 5, "abandoned message ID: not a number of 1 to 8 octets"},
		{"an empty bind", "3005 020107 6000", 7, bind, 7, "bind version: missing"},
		{"a bind without name", "3008 020107 6003 020103", 7, bind, 10, "bind name: missing"},
		{"a bind without authentication", "300a 020107 6005 020103 0400", 7, bind, 12, "bind authentication: missing"},
		{"a bind with a universal choice", "300c 020107 6007 020103 0400 0400", 7, bind, 12, "bind authentication: identifier 0x04 is no choice"},
		{"a bind whose name reaches too far", "300c 020107 6007 020103 0403 8000", 7, bind, 10, "bind name: longer than what surrounds it"},
		{"a bind with a constructed name", "300e 020107 6009 020103 2402 0400 8000", 7, bind, 10, "bind name: identifier 0x24 where 0x04 belongs"},
		{"a bind with garbage behind", "300d 020107 6008 020103 0400 8000 a0", 7, bind, 14, "trailing element: header is cut off"},
		{"a SASL bind without mechanism", "300c 020107 6007 020103 0400 a300", 7, bind, 14, "SASL mechanism: missing"},
		{"a scope that is none", "300a 020101 6305 0400 0a0104", 1, search, 9, "scope: number is out of range"},
		{"a negative size limit", "3010 020101 630b 0400 0a0102 0a0100 0201ff", 1, search, 15, "size limit: number is out of range"},
		{"a boolean of two octets", "3017 020101 6312 0400 0a0102 0a0100 020100 020100 01020000", 1, search, 21, "types only: not a boolean of one octet"},
		{"a search without filter", "3016 020101 6311" + head, 1, search, 24, "filter: missing"},
		{"a filter that is none", "3018 020101 6313" + head + "aa00", 1, search, 24, "filter: identifier 0xaa is none of a filter's"},
		{"a filter of another class", "3018 020101 6313" + head + "3000", 1, search, 24, "filter: identifier 0x30 is none of a filter's"},
		{"a primitive and", "3018 020101 6313" + head + "8000", 1, search, 24, "filter: identifier 0x80 is none of a filter's"},
		{"a not of nothing", "3018 020101 6313" + head + "a200", 1, search, 26, "filter: missing"},
		{"an equality without value", "301b 020101 6316" + head + "a303 040161", 1, search, 29, "value of a filter: missing"},
		{"substrings without any", "301d 020101 6318" + head + "a405 040161 3000", 1, search, 31, "substrings: none"},
		{"two initial substrings", "3021 020101 631c" + head + "a409 040161 3004 8000 8000", 1, search, 33, "final substring: identifier 0x80 where 0x82 belongs"},
		{"a final substring that is not last", "3021 020101 631c" + head + "a409 040161 3004 8200 8100", 1, search, 33, "substrings: one follows the final one"},
		{"an extensible match of nothing", "301a 020101 6315" + head + "a902 8300", 1, search, 24, "filter: extensible match with neither rule nor attribute"},
		{"a requested attribute that is no string", "301d 020101 6318" + head + "870161 3002 0500", 1, search, 29, "requested attribute: identifier 0x05 where 0x04 belongs"},
		{"a control of nothing but its criticality", "300c 020101 4200 a005 3003 0101ff", 1, unbind, 11, "control type: identifier 0x01 where 0x04 belongs"},
		{"a control that is no SEQUENCE", "3009 020101 4200 a002 0400", 1, unbind, 9, "control: identifier 0x04 where 0x30 belongs"},
		{"a negative result code", "300c 020101 6107 0a01ff 0400 0400", 1, ldapwire.OpBindResponse, 7, "result code: number is out of range"},
		{"a change that is none", "3017 020101 6612 0400 300e 300c 0a0104 3007 040161 3102 0400", 1, ldapwire.OpModifyRequest, 13, "operation of a change: number is out of range"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := ldapwire.Message{ID: 99, Del: []byte("left over")}
			err := m.Decode(unhex(t, c.hex), nil)
			var de *ldapwire.DecodeError
			if !errors.As(err, &de) || !errors.Is(err, ldapwire.ErrMalformed) {
				t.Fatalf("got error %v, want a *DecodeError", err)
			}
			if de.Offset != c.offset || de.What != c.what {
				t.Errorf("got byte %d, %q, want byte %d, %q", de.Offset, de.What, c.offset, c.what)
			}
			if want := (ldapwire.Message{ID: c.id, Op: c.op}); !reflect.DeepEqual(m.Exported(), want) {
				t.Errorf("the message is %+v, want %+v", m.Exported(), want)
			}
		})
	}
}

// A message cut off anywhere is incomplete to Size and an error to Decode.
func TestTruncation(t *testing.T) {
	for _, s := range samples() {
		for n := range s.bytes {
			head := s.bytes[:n:n]
			size, err := ldapwire.Size(head, 1<<16)
			if err != nil || size != 0 && size != len(s.bytes) {
				t.Errorf("%s: Size of the first %d bytes is %d, %v", s.name, n, size, err)
			}
			var m ldapwire.Message
			if err := m.Decode(head, nil); !errors.Is(err, ldapwire.ErrMalformed) {
				t.Errorf("%s: Decode of the first %d bytes: %v", s.name, n, err)
			}
		}
		if size, err := ldapwire.Size(append(s.bytes, "more"...), len(s.bytes)); err != nil || size != len(s.bytes) {
			t.Errorf("%s: Size is %d, %v, want %d", s.name, size, err, len(s.bytes))
		}
	}
}

func TestSize(t *testing.T) {
	const max = 1000
	for _, c := range []struct {
		name, hex string
		want      int
		err       string
	}{
		{"nothing yet", "", 0, ""},
		{"one byte", "30", 0, ""},
		{"empty", "3000", 2, ""},
		{"short form", "307f", 129, ""},
		{"long form not yet", "3082", 0, ""},
		{"long form not yet all", "308203", 0, ""},
		{"long form", "308203e4", 1000, ""},
		{"long form beyond need", "3088 0000000000000001", 11, ""},
		{"one too many", "308203e5", 0, "LDAP message of 1001 bytes is larger than the limit of 1000"},
		{"2^63", "3088 8000000000000000", 0, "LDAP message of 9223372036854775818 bytes is larger than the limit of 1000"},
		{"all ones", "3088 ffffffffffffffff", 0, "LDAP message of 18446744073709551615 bytes is larger than the limit of 1000"},
		{"indefinite", "3080", 0, "malformed LDAP message: byte 0: message: indefinite length"},
		{"nine octets", "3089", 0, "malformed LDAP message: byte 0: message: length of more than 8 octets"},
		{"reserved", "30ff", 0, "malformed LDAP message: byte 0: message: length of more than 8 octets"},
		{"HTTP, one byte", "47", 0, "malformed LDAP message: byte 0: message: identifier 0x47 where 0x30 belongs"},
		{"TLS, one byte", "16", 0, "malformed LDAP message: byte 0: message: identifier 0x16 where 0x30 belongs"},
		{"SSH, one byte", "53", 0, "malformed LDAP message: byte 0: message: identifier 0x53 where 0x30 belongs"},
		{"SMB, one byte", "00", 0, "malformed LDAP message: byte 0: message: identifier 0x00 where 0x30 belongs"},
		{"RDP, one byte", "03", 0, "malformed LDAP message: byte 0: message: identifier 0x03 where 0x30 belongs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ldapwire.Size(unhex(t, c.hex), max)
			if got != c.want || errorText(err) != c.err {
				t.Errorf("got %d, %q, want %d, %q", got, errorText(err), c.want, c.err)
			}
			var tooLarge *ldapwire.TooLargeError
			if errors.As(err, &tooLarge) == errors.Is(err, ldapwire.ErrMalformed) && err != nil {
				t.Errorf("%v is neither or both of malformed and too large", err)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Whatever a message held, the next one decoded into it is as if it were the
// first.
func TestReuseLeaksNothing(t *testing.T) {
	malformed := unhex(t, "300a 020107 6005 020103 0400")
	for _, first := range samples() {
		for _, second := range samples() {
			var m ldapwire.Message
			if err := m.Decode(first.bytes, nil); err != nil {
				t.Fatal(err)
			}
			if err := m.Decode(second.bytes, nil); err != nil {
				t.Fatal(err)
			}
			if got := m.Exported(); !reflect.DeepEqual(got, second.want) {
				t.Errorf("%s after %s decodes to\n%+v, want\n%+v", second.name, first.name, got, second.want)
			}
		}
		var m ldapwire.Message
		if err := m.Decode(first.bytes, nil); err != nil {
			t.Fatal(err)
		}
		if m.Decode(malformed, nil) == nil {
			t.Fatal("a bind without authentication was accepted")
		}
		if got, want := m.Exported(), (ldapwire.Message{ID: 7, Op: ldapwire.OpBindRequest}); !reflect.DeepEqual(got, want) {
			t.Errorf("a malformed message after %s leaves %+v, want %+v", first.name, got, want)
		}
	}
}

// Slices of a message must not reach into each other when appended to.
func TestSlicesAreApart(t *testing.T) {
	var m ldapwire.Message
	b := ldapwire.AppendSearchRequest(nil, 1, &ldapwire.SearchRequest{Filter: mustFilter("(a=*x*y*z)"), Attributes: bs("cn", "sn")})
	if err := m.Decode(b, nil); err != nil {
		t.Fatal(err)
	}
	_ = append(m.Search.Filter.Any, []byte("overwritten"))
	_ = append(m.Search.BaseObject, "overwritten"...)
	if got := m.Append(nil); !bytes.Equal(got, b) {
		t.Errorf("appending to a slice of the message changed it to %x, was %x", got, b)
	}
}

func TestLimits(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("(!", n-1) + "(a=*)" + strings.Repeat(")", n-1) }
	search := func(filter string, attributes, controls int) []byte {
		return ldapwire.AppendSearchRequest(nil, 1, &ldapwire.SearchRequest{
			Filter: mustFilter(filter), Attributes: make([][]byte, attributes),
		}, make([]ldapwire.Control, controls)...)
	}
	small := &ldapwire.Limits{FilterDepth: 3, FilterNodes: 3, Attributes: 3, Controls: 3}
	for _, c := range []struct {
		name   string
		limits *ldapwire.Limits
		bytes  []byte
		err    string
	}{
		{"depth", small, search(nested(3), 0, 0), ""},
		{"depth, one more", small, search(nested(4), 0, 0), "filter: nested too deeply"},
		{"depth by default", nil, search(nested(64), 0, 0), ""},
		{"filters", small, search("(|(a=*)(b=*)(c=*))", 0, 0), ""},
		{"filters, one more", small, search("(|(a=*)(b=*)(c=*)(d=*))", 0, 0), "filter: too many"},
		{"filters, one more further down", small, search("(|(a=*)(|(b=*)(c=*)))", 0, 0), "filter: too many"},
		{"nested not counts", small, search("(|(!(a=*))(b=*)(c=*))", 0, 0), "filter: too many"},
		{"substrings", small, search("(a=x*y*z)", 0, 0), ""},
		{"substrings, one more", small, search("(a=x*y*z*1)", 0, 0), "substring: too many"},
		{"attributes", small, search("(a=*)", 3, 0), ""},
		{"attributes, one more", small, search("(a=*)", 4, 0), "requested attribute: too many"},
		{"attributes by default", nil, search("(a=*)", 1024, 0), ""},
		{"attributes by default, one more", nil, search("(a=*)", 1025, 0), "requested attribute: too many"},
		{"controls", small, search("(a=*)", 0, 3), ""},
		{"controls, one more", small, search("(a=*)", 0, 4), "controls: too many"},
		{"controls by default", nil, search("(a=*)", 0, 32), ""},
		{"controls by default, one more", nil, search("(a=*)", 0, 33), "controls: too many"},
		{"filters by default", nil, search("(|"+strings.Repeat("(a=*)", 1024)+")", 0, 0), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var m ldapwire.Message
			err := m.Decode(c.bytes, c.limits)
			var de *ldapwire.DecodeError
			if errors.As(err, &de) && de.What != c.err || (err == nil) != (c.err == "") {
				t.Errorf("got %v, want %q", err, c.err)
			}
			if m.ID != 1 || m.Op != ldapwire.OpSearchRequest {
				t.Errorf("got ID %d and operation %#x, want those of the request", m.ID, m.Op)
			}
		})
	}
}

// Lengths are minimal on output, on both sides of each step, and where one
// length's growth makes the next one grow.
func TestLengthsAreMinimal(t *testing.T) {
	element := func(content int) int {
		switch {
		case content < 1<<7:
			return 2 + content
		case content < 1<<8:
			return 3 + content
		case content < 1<<16:
			return 4 + content
		case content < 1<<24:
			return 5 + content
		}
		return 6 + content
	}
	sizes := []int{1<<16 - 40, 1<<16 - 1, 1 << 16, 1<<24 - 1, 1 << 24}
	for n := range 300 {
		sizes = append(sizes, n)
	}
	for _, n := range sizes {
		value := bytes.Repeat([]byte("x"), n)
		b := ldapwire.AppendSearchResultEntry(nil, 1, &ldapwire.Entry{Attributes: []ldapwire.Attribute{{Values: [][]byte{value}}}})
		values := element(element(n))
		want := element(3 + element(2+element(element(2+values))))
		if len(b) != want {
			t.Errorf("a value of %d bytes: %d bytes encoded, want %d", n, len(b), want)
		}
		if m := decode(t, b); !bytes.Equal(m.Entry.Attributes[0].Values[0], value) {
			t.Errorf("a value of %d bytes comes out different", n)
		}
	}
}

func TestAppendOfNoOperation(t *testing.T) {
	m := ldapwire.Message{ID: 1, Op: 0x43}
	if got := m.Append([]byte("x")); string(got) != "x" {
		t.Errorf("got %s, want nothing appended", hex.EncodeToString(got))
	}
}

func TestEntryEncoder(t *testing.T) {
	entry := ldapwire.Entry{DN: []byte("cn=a"), Attributes: []ldapwire.Attribute{
		{Type: []byte("cn"), Values: bs("a", strings.Repeat("b", 200))}, {Type: []byte("mail")}, {Type: []byte("jpegPhoto"), Values: bs("\xff\xd8")},
	}}
	control := ldapwire.Control{OID: []byte("1.2.3")}
	for _, c := range []struct {
		name     string
		entry    ldapwire.Entry
		controls []ldapwire.Control
	}{
		{"attributes", entry, nil},
		{"a control", entry, []ldapwire.Control{control}},
		{"no attributes", ldapwire.Entry{DN: []byte{}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := ldapwire.BeginEntry([]byte("x"), 70000, string(c.entry.DN))
			for _, a := range c.entry.Attributes {
				e.Attribute(string(a.Type))
				for i, v := range a.Values {
					if i%2 == 0 {
						e.Value(string(v))
					} else {
						e.Bytes(v)
					}
				}
			}
			got := e.End(c.controls...)
			if want := ldapwire.AppendSearchResultEntry([]byte("x"), 70000, &c.entry, c.controls...); !bytes.Equal(got, want) {
				t.Errorf("got\n%x, want\n%x", got, want)
			}
		})
	}
}
