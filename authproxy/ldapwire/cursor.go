package ldapwire

import "math"

// The universal tags LDAP uses, as identifier octets.
const (
	tagBoolean     = 0x01
	tagInteger     = 0x02
	tagOctetString = 0x04
	tagEnumerated  = 0x0a
	tagSequence    = 0x30
	tagSet         = 0x31
)

// maxLengthOctets bounds the long form of a length. BER, unlike DER, allows
// leading zeros: wldap32 sends four octets whatever the length.
const maxLengthOctets = 8

// A header is the identifier and length of one element.
type header struct {
	tag    byte
	size   int    // of the header itself; 0 when more bytes are needed
	length uint64 // of the content
}

// parseHeader reads the header at the head of b. Tag numbers above 30 are
// stepped over: no element that LDAP defines has one, but one it does not
// define may. problem is empty when b is fine as far as it goes.
func parseHeader(b []byte) (h header, problem string) {
	if len(b) == 0 {
		return header{}, ""
	}
	h.tag = b[0]
	i := 1
	if h.tag&0x1f == 0x1f {
		for {
			if i == len(b) {
				return header{}, ""
			}
			if i > 5 {
				return header{}, "tag number is out of reason"
			}
			i++
			if b[i-1]&0x80 == 0 {
				break
			}
		}
	}
	if i == len(b) {
		return header{}, ""
	}
	first := b[i]
	i++
	if first < 0x80 {
		h.size, h.length = i, uint64(first)
		return h, ""
	}
	n := int(first & 0x7f)
	switch {
	case n == 0:
		// RFC 4511, section 5.1: only the definite form.
		return header{}, "indefinite length"
	case n > maxLengthOctets:
		return header{}, "length of more than 8 octets"
	case i+n > len(b):
		return header{}, ""
	}
	for _, c := range b[i : i+n] {
		h.length = h.length<<8 | uint64(c)
	}
	h.size = i + n
	return h, ""
}

// A cursor walks over the elements inside one constructed element.
//
// The first thing wrong is noted in the decoder and ends every cursor: from
// then on more reports false and everything read is zero, so that callers
// check once, at the end.
type cursor struct {
	d   *decoder
	pos int
	end int
}

// more tells whether an element follows.
func (c *cursor) more() bool { return c.pos < c.end && c.d.err.What == "" }

// at tells whether an element with this identifier follows.
func (c *cursor) at(tag byte) bool { return c.more() && c.d.in[c.pos] == tag }

func (c *cursor) fail(offset int, what, problem string) {
	c.pos = c.end
	if c.d.err.What == "" {
		c.d.err = DecodeError{Offset: offset, What: what + ": " + problem}
	}
}

// element steps over the next element and returns its identifier and a cursor
// over its content.
func (c *cursor) element(what string) (tag byte, content cursor) {
	if !c.more() {
		c.fail(c.end, what, "missing")
		return 0, cursor{d: c.d, pos: c.end, end: c.end}
	}
	start := c.pos
	h, problem := parseHeader(c.d.in[start:c.end])
	switch {
	case problem != "":
	case h.size == 0:
		problem = "header is cut off"
	case h.length > uint64(c.end-start-h.size):
		problem = "longer than what surrounds it"
	}
	if problem != "" {
		c.fail(start, what, problem)
		return 0, cursor{d: c.d, pos: c.end, end: c.end}
	}
	c.pos = start + h.size + int(h.length)
	return h.tag, cursor{d: c.d, pos: start + h.size, end: c.pos}
}

// enter steps over the next element, which must have this identifier, and
// returns a cursor over its content.
func (c *cursor) enter(tag byte, what string) cursor {
	start := c.pos
	got, content := c.element(what)
	if got != tag && c.d.err.What == "" {
		c.fail(start, what, "identifier "+hexOctet(got)+" where "+hexOctet(tag)+" belongs")
		content.pos = content.end
	}
	return content
}

// bytes is the content as it is.
func (c *cursor) bytes() []byte {
	if c.d.err.What != "" {
		return nil
	}
	return c.d.in[c.pos:c.end:c.end]
}

// octets reads an OCTET STRING; it is not nil when it is there, even empty.
func (c *cursor) octets(tag byte, what string) []byte {
	content := c.enter(tag, what)
	return content.bytes()
}

// integer reads an INTEGER or ENUMERATED between low and high. Leading octets
// that DER forbids are accepted as long as all fits eight octets.
func (c *cursor) integer(tag byte, what string, low, high int32) int32 {
	start := c.pos
	content := c.enter(tag, what)
	return content.number(start, what, low, high)
}

// number reads the content as a two's complement number. start is the offset
// that an error names.
func (c *cursor) number(start int, what string, low, high int32) int32 {
	b := c.bytes()
	if c.d.err.What != "" {
		return 0
	}
	if len(b) == 0 || len(b) > 8 {
		c.fail(start, what, "not a number of 1 to 8 octets")
		return 0
	}
	v := int64(int8(b[0]))
	for _, o := range b[1:] {
		v = v<<8 | int64(o)
	}
	if v < int64(low) || v > int64(high) {
		c.fail(start, what, "number is out of range")
		return 0
	}
	return int32(v)
}

// boolean reads a BOOLEAN. RFC 4511, section 5.1, has 0xff as TRUE sent; BER
// has any other than zero be TRUE, and clients send 0x01.
func (c *cursor) boolean(tag byte, what string) bool {
	start := c.pos
	content := c.enter(tag, what)
	b := content.bytes()
	if len(b) != 1 {
		c.fail(start, what, "not a boolean of one octet")
		return false
	}
	return b[0] != 0
}

// rest steps over trailing elements that are not known here. RFC 4511, section
// 4, has them ignored; they must still be elements.
func (c *cursor) rest() {
	for c.more() {
		c.element("trailing element")
	}
}

// count tells how many elements follow, at most limit, so that what holds them
// is allocated once and to measure. The cursor stays where it is.
func (c *cursor) count(what string, limit int) int {
	ahead := *c
	n := 0
	for ahead.more() {
		if n == limit {
			ahead.fail(ahead.pos, what, "too many")
			break
		}
		ahead.element(what)
		n++
	}
	if c.d.err.What != "" {
		c.pos = c.end
		return 0
	}
	return n
}

// list reads all elements that follow as OCTET STRINGs.
func (c *cursor) list(what string, limit int) [][]byte {
	list := c.d.m.arenas.strings.take(c.count(what, limit))
	for i := range list {
		list[i] = c.octets(tagOctetString, what)
	}
	return list
}

// unbounded is the limit of lists that only the size of the message bounds.
const unbounded = math.MaxInt

func hexOctet(o byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{'0', 'x', digits[o>>4], digits[o&15]})
}
