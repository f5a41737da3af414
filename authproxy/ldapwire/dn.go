package ldapwire

import (
	"encoding/hex"
	"slices"
	"strings"
	"unicode"
)

// maxDN bounds the text of a DN, in bytes.
const maxDN = 16 << 10

// A DN is a distinguished name, from the entry up to the root. The empty DN is
// the root.
type DN []RDN

// An RDN is a relative distinguished name: one attribute value or more.
type RDN []AttributeTypeAndValue

// An AttributeTypeAndValue is one attribute value of an RDN.
type AttributeTypeAndValue struct {
	Type  string // a name or a numeric OID, as written
	Value string // unescaped
	// BER tells that the text had the form #hex and that Value holds the
	// octets of that BER encoding.
	BER bool
}

// ParseDN parses the string form of a DN (RFC 4514). Blanks around ",", "+"
// and "=" are ignored as RFC 2253 had it: people write them. The error is a
// *SyntaxError.
func ParseDN(text string) (DN, error) {
	if len(text) > maxDN {
		return nil, &SyntaxError{"DN", maxDN, "longer than 16 KiB"}
	}
	p := dnParser{text: text}
	p.blanks()
	if p.pos == len(text) {
		return DN{}, nil
	}
	var dn DN
	rdn := RDN{}
	for {
		av, err := p.attribute()
		if err != nil {
			return nil, err
		}
		rdn = append(rdn, av)
		if p.pos == len(text) {
			return append(dn, rdn), nil
		}
		if text[p.pos] == ',' {
			dn = append(dn, rdn)
			rdn = RDN{}
		}
		p.pos++
	}
}

type dnParser struct {
	text string
	pos  int
}

func (p *dnParser) fail(offset int, what string) error {
	return &SyntaxError{"DN", offset, what}
}

func (p *dnParser) blanks() {
	for p.pos < len(p.text) && p.text[p.pos] == ' ' {
		p.pos++
	}
}

// attribute reads type=value up to a separator or the end.
func (p *dnParser) attribute() (AttributeTypeAndValue, error) {
	var av AttributeTypeAndValue
	p.blanks()
	n := oidPrefix(p.text[p.pos:])
	if n == 0 {
		return av, p.fail(p.pos, "no attribute type")
	}
	av.Type = p.text[p.pos : p.pos+n]
	p.pos += n
	p.blanks()
	if p.pos == len(p.text) || p.text[p.pos] != '=' {
		return av, p.fail(p.pos, `"=" missing after the attribute type`)
	}
	p.pos++
	p.blanks()
	var err error
	if p.pos < len(p.text) && p.text[p.pos] == '#' {
		av.BER = true
		av.Value, err = p.hexString()
	} else {
		av.Value, err = p.value()
	}
	return av, err
}

// hexString reads #hex.
func (p *dnParser) hexString() (string, error) {
	start := p.pos
	p.pos++
	var value []byte
	for {
		octet, ok := hexPair(p.text[p.pos:])
		if !ok {
			break
		}
		value = append(value, octet)
		p.pos += 2
	}
	p.blanks()
	if len(value) == 0 || p.pos < len(p.text) && p.text[p.pos] != ',' && p.text[p.pos] != '+' {
		return "", p.fail(start, `a value that starts with "#" must be pairs of hex digits; a "#" itself is written "\#"`)
	}
	return string(value), nil
}

// value reads an escaped value. Trailing blanks count only when escaped.
func (p *dnParser) value() (string, error) {
	var value []byte
	kept := 0 // what of value is not trailing blanks
	for p.pos < len(p.text) {
		c := p.text[p.pos]
		switch {
		case c == ',' || c == '+':
			return string(value[:kept]), nil
		case c == '\\':
			octet, size := unescapeDN(p.text[p.pos+1:])
			if size == 0 {
				return "", p.fail(p.pos, `"\" must be followed by a special character or two hex digits`)
			}
			value = append(value, octet)
			p.pos += 1 + size
			kept = len(value)
			continue
		case c == ' ':
			value = append(value, c)
			p.pos++
			continue
		case c == '"' || c == ';' || c == '<' || c == '>' || c == 0:
			return "", p.fail(p.pos, "a character that must be escaped")
		}
		size := runeLen(p.text[p.pos:])
		if size == 0 {
			return "", p.fail(p.pos, "not UTF-8")
		}
		value = append(value, p.text[p.pos:p.pos+size]...)
		p.pos += size
		kept = len(value)
	}
	return string(value[:kept]), nil
}

// unescapeDN reads what follows a backslash; size is 0 when nothing may.
func unescapeDN(s string) (octet byte, size int) {
	if octet, ok := hexPair(s); ok {
		return octet, 2
	}
	if s != "" && strings.IndexByte(`"+,;<>\ #=`, s[0]) >= 0 {
		return s[0], 1
	}
	return 0, 0
}

// String is the string form of the DN (RFC 4514).
func (dn DN) String() string {
	var b []byte
	for i, rdn := range dn {
		if i > 0 {
			b = append(b, ',')
		}
		b = rdn.append(b)
	}
	return string(b)
}

// String is the string form of the RDN (RFC 4514).
func (rdn RDN) String() string { return string(rdn.append(nil)) }

func (rdn RDN) append(dst []byte) []byte {
	for i, av := range rdn {
		if i > 0 {
			dst = append(dst, '+')
		}
		dst = append(dst, av.Type...)
		dst = append(dst, '=')
		if av.BER {
			dst = hex.AppendEncode(append(dst, '#'), []byte(av.Value))
		} else {
			dst = appendDNValue(dst, av.Value)
		}
	}
	return dst
}

// Equal tells whether both name the same entry as far as that can be told
// without a schema: types and values without regard to case, blanks at the
// ends of a value ignored and inner ones counted once, the values of an RDN in
// any order. Two names of one attribute type are different here.
func (dn DN) Equal(other DN) bool {
	return slices.EqualFunc(dn, other, RDN.Equal)
}

// Equal is DN.Equal of one RDN.
func (rdn RDN) Equal(other RDN) bool {
	return len(rdn) == len(other) && slices.Equal(rdn.keys(), other.keys())
}

// keys returns what is compared, in a fixed order.
func (rdn RDN) keys() []string {
	keys := make([]string, len(rdn))
	for i, av := range rdn {
		value := "#" + av.Value
		if !av.BER {
			value = "=" + foldValue(av.Value)
		}
		keys[i] = strings.ToLower(av.Type) + value
	}
	slices.Sort(keys)
	return keys
}

// foldValue folds case and squeezes blanks. Octets that are not UTF-8 stay.
func foldValue(s string) string {
	dst := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		size := runeLen(s[i:])
		switch {
		case size == 0:
			dst = append(dst, s[i])
			size = 1
		case s[i] == ' ':
			if len(dst) > 0 && dst[len(dst)-1] != ' ' {
				dst = append(dst, ' ')
			}
		default:
			dst = appendFolded(dst, s[i:i+size])
		}
		i += size
	}
	return strings.TrimSuffix(string(dst), " ")
}

// appendFolded appends the smallest of the characters that are one but for
// their case, which strings.ToLower does not find for all (the Kelvin sign).
func appendFolded(dst []byte, char string) []byte {
	first := []rune(char)[0]
	smallest := first
	for r := unicode.SimpleFold(first); r != first; r = unicode.SimpleFold(r) {
		smallest = min(smallest, r)
	}
	return append(dst, string(smallest)...)
}
