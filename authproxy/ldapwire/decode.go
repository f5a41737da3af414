package ldapwire

import (
	"cmp"
	"math"
)

// Limits bounds what Decode accepts beyond the size of the message, which Size
// bounds. Zero values mean the documented defaults.
type Limits struct {
	// FilterDepth is how many filters may be nested in each other: 64.
	FilterDepth int
	// FilterNodes is how many filters and parts of substrings filters a search
	// may have in all, beside the outermost filter: 1024.
	FilterNodes int
	// Attributes is how many attributes a search may ask for: 1024.
	Attributes int
	// Controls is how many controls a message may have: 32.
	Controls int
}

func (l *Limits) orDefaults() Limits {
	var lim Limits
	if l != nil {
		lim = *l
	}
	return Limits{
		FilterDepth: cmp.Or(lim.FilterDepth, 64),
		FilterNodes: cmp.Or(lim.FilterNodes, 1024),
		Attributes:  cmp.Or(lim.Attributes, 1024),
		Controls:    cmp.Or(lim.Controls, 32),
	}
}

// Size tells how long the LDAPMessage at the head of b is, in bytes, header
// included. It is 0 while b is too short to tell. The error is ErrMalformed
// when b starts with anything but a SEQUENCE of definite length, which the
// first byte shows, and a *TooLargeError when the message is longer than limit.
func Size(b []byte, limit int) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if b[0] != tagSequence {
		return 0, &DecodeError{0, "message: identifier " + hexOctet(b[0]) + " where 0x30 belongs"}
	}
	h, problem := parseHeader(b)
	if problem != "" {
		return 0, &DecodeError{0, "message: " + problem}
	}
	if h.size == 0 {
		return 0, nil
	}
	size := h.length + uint64(h.size)
	if size < h.length {
		size = math.MaxUint64
	}
	if size > uint64(limit) {
		return 0, &TooLargeError{Size: size, Max: limit}
	}
	return int(size), nil
}

// A decoder is the state of one Decode.
type decoder struct {
	in    []byte
	m     *Message
	lim   Limits
	nodes int         // of FilterNodes, what is left
	err   DecodeError // the first thing wrong; What is empty while nothing is
}

// Decode decodes b, which is exactly one LDAPMessage, into m. nil limits are
// the defaults. What m held before is gone, whatever its operation.
//
// The error is a *DecodeError. m then has no body, but if the message ID and
// the operation could be read, m.ID and m.Op are set: the server can answer.
func (m *Message) Decode(b []byte, limits *Limits) error {
	m.Reset()
	d := decoder{in: b, m: m, lim: limits.orDefaults()}
	d.nodes = d.lim.FilterNodes
	d.message()
	if d.err.What == "" {
		return nil
	}
	id, op := m.ID, m.Op
	m.Reset()
	m.ID, m.Op = id, op
	err := d.err
	return &err
}

// Reset empties m. It lets go of the input and of all but a few KiB of memory,
// which Decode does too, but only when the next message has come.
func (m *Message) Reset() {
	m.arenas.reset()
	*m = Message{arenas: m.arenas}
}

func (d *decoder) message() {
	outer := cursor{d: d, end: len(d.in)}
	c := outer.enter(tagSequence, "message")
	if outer.more() {
		outer.fail(outer.pos, "message", "bytes follow its end")
		return
	}
	id := c.integer(tagInteger, "message ID", 0, math.MaxInt32)
	start := c.pos
	op, body := c.element("operation")
	if d.err.What != "" {
		return
	}
	d.m.ID, d.m.Op = id, Op(op)
	d.operation(start, body)
	if c.at(tagControls) {
		d.controls(c.enter(tagControls, "controls"))
	}
	c.rest()
}

func (d *decoder) operation(start int, c cursor) {
	m := d.m
	switch m.Op {
	case OpBindRequest:
		d.bindRequest(c, &m.Bind)
	case OpBindResponse:
		d.bindResponse(c)
	case OpUnbindRequest:
		if c.more() {
			c.fail(start, "unbind request", "not empty")
		}
	case OpSearchRequest:
		d.searchRequest(c, &m.Search)
	case OpSearchResultEntry:
		d.entry(c, &m.Entry)
	case OpSearchResultReference:
		d.reference(c)
	case OpSearchResultDone, OpModifyResponse, OpAddResponse, OpDelResponse, OpModifyDNResponse, OpCompareResponse:
		d.result(&c, &m.Result)
		c.rest()
	case OpModifyRequest:
		d.modifyRequest(c, &m.Modify)
	case OpAddRequest:
		d.addRequest(c, &m.Add)
	case OpDelRequest:
		m.Del = c.bytes()
	case OpModifyDNRequest:
		d.modifyDNRequest(c, &m.ModifyDN)
	case OpCompareRequest:
		d.compareRequest(c, &m.Compare)
	case OpAbandonRequest:
		m.Abandon = c.number(start, "abandoned message ID", 0, math.MaxInt32)
	case OpExtendedRequest:
		d.extendedRequest(c, &m.Extended)
	case OpExtendedResponse:
		d.extendedResponse(c)
	case OpIntermediateResponse:
		d.intermediateResponse(c)
	default:
		c.fail(start, "operation", "identifier "+hexOctet(byte(m.Op))+" is none of LDAP's")
	}
}
