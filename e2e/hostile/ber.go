package hostile

import (
	"errors"
	"slices"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// Identifier octets of RFC 4511.
const (
	tagBoolean    = 0x01
	tagInteger    = 0x02
	tagOctets     = 0x04
	tagEnumerated = 0x0a
	tagSequence   = 0x30
	tagSet        = 0x31

	tagBindRequest  = 0x60
	tagBindResponse = 0x61
	tagUnbind       = 0x42
	tagSearch       = 0x63
	tagSearchEntry  = 0x64
	tagSearchDone   = 0x65
	tagModify       = 0x66
	tagAdd          = 0x68
	tagDelete       = 0x4a
	tagModifyDN     = 0x6c
	tagCompare      = 0x6e
	tagAbandon      = 0x50
	tagReference    = 0x73
	tagExtended     = 0x77
	tagExtendedDone = 0x78
	tagIntermediate = 0x79

	tagSimple       = 0x80
	tagSASL         = 0xa3
	tagControls     = 0xa0
	tagResponseName = 0x8a
)

var errBER = errors.New("no BER")

// tlv is one element with the shortest definite length.
func tlv(tag byte, contents ...[]byte) []byte {
	body := slices.Concat(contents...)
	return append(append([]byte{tag}, length(len(body))...), body...)
}

func length(n int) []byte {
	if n < 0x80 {
		return []byte{byte(n)}
	}
	octets := []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	for octets[0] == 0 {
		octets = octets[1:]
	}
	return append([]byte{0x80 | byte(len(octets))}, octets...)
}

// longLength is the length in as many octets as are asked for, however few it needs.
func longLength(n, octets int) []byte {
	out := make([]byte, 1+octets)
	out[0] = 0x80 | byte(octets)
	for i := octets; i > 0 && n > 0; i-- {
		out[i], n = byte(n), n>>8
	}
	return out
}

func number(tag byte, n int64) []byte {
	b := []byte{byte(n)}
	for n >>= 8; n != 0 && n != -1 || (n == 0) != (b[0] < 0x80); n >>= 8 {
		b = append([]byte{byte(n)}, b...)
	}
	return tlv(tag, b)
}

func integer(n int64) []byte           { return number(tagInteger, n) }
func enumerated(n int64) []byte        { return number(tagEnumerated, n) }
func octets(s string) []byte           { return tlv(tagOctets, []byte(s)) }
func tagged(tag byte, s string) []byte { return tlv(tag, []byte(s)) }

func truth(v bool) []byte {
	if v {
		return tlv(tagBoolean, []byte{0xff})
	}
	return tlv(tagBoolean, []byte{0})
}

// message is a whole LDAPMessage.
func message(id int64, op []byte, controls ...[]byte) []byte {
	if len(controls) == 0 {
		return tlv(tagSequence, integer(id), op)
	}
	return tlv(tagSequence, integer(id), op, tlv(tagControls, controls...))
}

// whole is the length of the message at the head of b; 0 while it is not all there.
func whole(b []byte) (int, error) {
	if len(b) < 2 {
		return 0, nil
	}
	n, head := int(b[1]), 2
	if n >= 0x80 {
		count := n & 0x7f
		if count == 0 || count > 4 {
			return 0, errBER
		}
		if len(b) < 2+count {
			return 0, nil
		}
		n = 0
		for _, o := range b[2 : 2+count] {
			n = n<<8 | int(o)
		}
		head += count
	}
	if b[0] != tagSequence || n > 64<<20 {
		return 0, errBER
	}
	if len(b) < head+n {
		return 0, nil
	}
	return head + n, nil
}

// A node is an element of a message that can be written with changes.
type node struct {
	tag   byte
	value []byte  // of a primitive one
	kids  []*node // of a constructed one
}

// parse reads a well-formed message. Only what is constructed has parts: what an OCTET STRING holds
// is its own affair.
func parse(b []byte) *node {
	tag, content, rest, err := fixture.Cut(b)
	if err != nil || len(rest) > 0 {
		panic("hostile: a good message is malformed")
	}
	return nodeOf(tag, content)
}

func nodeOf(tag byte, content []byte) *node {
	n := &node{tag: tag}
	if tag&0x20 == 0 {
		n.value = content
		return n
	}
	for len(content) > 0 {
		kid, body, rest, err := fixture.Cut(content)
		if err != nil {
			panic("hostile: a good message is malformed")
		}
		n.kids = append(n.kids, nodeOf(kid, body))
		content = rest
	}
	return n
}

// all is n and everything in it, the outermost first.
func (n *node) all() []*node {
	list := []*node{n}
	for _, kid := range n.kids {
		list = append(list, kid.all()...)
	}
	return list
}

// bytes writes n. change is asked for each element what to write instead of its header and content;
// it returns nil for what stays.
func (n *node) bytes(change func(n *node, content []byte) []byte) []byte {
	content := n.value
	for _, kid := range n.kids {
		content = append(content, kid.bytes(change)...)
	}
	if change != nil {
		if b := change(n, content); b != nil {
			return b
		}
	}
	return tlv(n.tag, content)
}

// with writes the message with one element written otherwise.
func (n *node) with(at *node, write func(content []byte) []byte) []byte {
	return n.bytes(func(m *node, content []byte) []byte {
		if m == at {
			return write(content)
		}
		return nil
	})
}
