package ldapwire

import "slices"

// Everything here appends to a buffer of the caller's and returns it extended.
// A constructed element is begun with one octet for its length; when it ends
// and turns out to be longer than 127 bytes, its content moves up to make room.
// That costs a memmove where computing sizes first would cost a second walk
// over everything, and lengths come out minimal.

// begin appends the identifier and a place for the length. mark is for end.
func begin(dst []byte, tag byte) (out []byte, mark int) {
	return append(dst, tag, 0), len(dst) + 2
}

// end fills in the length of what began at mark.
func end(dst []byte, mark int) []byte {
	n := len(dst) - mark
	if n < 0x80 {
		dst[mark-1] = byte(n)
		return dst
	}
	octets := lengthOctets(n)
	dst = slices.Grow(dst, octets)[:len(dst)+octets]
	copy(dst[mark+octets:], dst[mark:])
	dst[mark-1] = 0x80 | byte(octets)
	for i := octets - 1; i >= 0; i-- {
		dst[mark+i] = byte(n)
		n >>= 8
	}
	return dst
}

// lengthOctets tells how many octets hold n.
func lengthOctets(n int) int {
	octets := 1
	for n > 0xff {
		n >>= 8
		octets++
	}
	return octets
}

// lengthSize tells how many octets appendLength appends.
func lengthSize(n int) int {
	if n < 0x80 {
		return 1
	}
	return 1 + lengthOctets(n)
}

func appendLength(dst []byte, n int) []byte {
	if n < 0x80 {
		return append(dst, byte(n))
	}
	octets := lengthOctets(n)
	dst = append(dst, 0x80|byte(octets))
	for i := octets - 1; i >= 0; i-- {
		dst = append(dst, byte(n>>(8*i)))
	}
	return dst
}

func appendOctets[S string | []byte](dst []byte, tag byte, s S) []byte {
	dst = appendLength(append(dst, tag), len(s))
	return append(dst, s...)
}

// appendOptional appends nothing for nil.
func appendOptional(dst []byte, tag byte, s []byte) []byte {
	if s == nil {
		return dst
	}
	return appendOctets(dst, tag, s)
}

func appendList(dst []byte, tag byte, list [][]byte) []byte {
	dst, mark := begin(dst, tag)
	for _, s := range list {
		dst = appendOctets(dst, tagOctetString, s)
	}
	return end(dst, mark)
}

// appendInteger appends the shortest two's complement form.
func appendInteger(dst []byte, tag byte, v int32) []byte {
	switch {
	case v == int32(int8(v)):
		return append(dst, tag, 1, byte(v))
	case v == int32(int16(v)):
		return append(dst, tag, 2, byte(v>>8), byte(v))
	case v == v<<8>>8:
		return append(dst, tag, 3, byte(v>>16), byte(v>>8), byte(v))
	}
	return append(dst, tag, 4, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
}

func appendBoolean(dst []byte, tag byte, v bool) []byte {
	if v {
		return append(dst, tag, 1, 0xff)
	}
	return append(dst, tag, 1, 0)
}

// An envelope holds the marks of a message and its operation.
type envelope struct{ message, op int }

func beginMessage(dst []byte, id int32, op Op) ([]byte, envelope) {
	var e envelope
	dst, e.message = begin(dst, tagSequence)
	dst = appendInteger(dst, tagInteger, id)
	dst, e.op = begin(dst, byte(op))
	return dst, e
}

func endMessage(dst []byte, e envelope, controls []Control) []byte {
	dst = end(dst, e.op)
	dst = appendControls(dst, controls)
	return end(dst, e.message)
}

// Append appends m encoded: whatever was decoded comes out with the same
// meaning, lengths and numbers in their shortest form, unknown trailing
// elements gone. A message whose Op is none of LDAP's appends nothing.
func (m *Message) Append(dst []byte) []byte {
	start := len(dst)
	dst, e := beginMessage(dst, m.ID, m.Op)
	switch m.Op {
	case OpBindRequest:
		dst = appendBind(dst, &m.Bind)
	case OpBindResponse:
		dst = appendResultBody(dst, &m.Result)
		dst = appendOptional(dst, tagServerSASLCreds, m.ServerSASLCreds)
	case OpUnbindRequest:
	case OpSearchRequest:
		dst = appendSearch(dst, &m.Search)
	case OpSearchResultEntry:
		dst = appendEntry(dst, &m.Entry)
	case OpSearchResultReference:
		dst = appendStrings(dst, m.Reference)
	case OpSearchResultDone, OpModifyResponse, OpAddResponse, OpDelResponse, OpModifyDNResponse, OpCompareResponse:
		dst = appendResultBody(dst, &m.Result)
	case OpModifyRequest:
		dst = appendModify(dst, &m.Modify)
	case OpAddRequest:
		dst = appendAdd(dst, &m.Add)
	case OpDelRequest:
		dst = append(dst, m.Del...)
	case OpModifyDNRequest:
		dst = appendModifyDN(dst, &m.ModifyDN)
	case OpCompareRequest:
		dst = appendCompare(dst, &m.Compare)
	case OpAbandonRequest:
		dst = appendNumber(dst, m.Abandon)
	case OpExtendedRequest:
		dst = appendExtended(dst, &m.Extended)
	case OpExtendedResponse:
		dst = appendResultBody(dst, &m.Result)
		dst = appendOptional(dst, tagResponseName, m.ResponseName)
		dst = appendOptional(dst, tagResponseValue, m.ResponseValue)
	case OpIntermediateResponse:
		dst = appendOptional(dst, tagIntermediateName, m.ResponseName)
		dst = appendOptional(dst, tagIntermediateValue, m.ResponseValue)
	default:
		return dst[:start]
	}
	return endMessage(dst, e, m.Controls)
}
