package hostile

import (
	"bytes"
	"fmt"
	"slices"
)

// nested is n elements, each in the one before, with something in the innermost.
func nested(tag byte, n int, core []byte) []byte {
	// From the inside out, written backwards: quadratic work would take minutes for the deepest.
	var backwards []byte
	size := len(core)
	for range n {
		head := append([]byte{tag}, length(size)...)
		size += len(head)
		slices.Reverse(head)
		backwards = append(backwards, head...)
	}
	slices.Reverse(backwards)
	return append(backwards, core...)
}

// nesting nests filters and other elements in each other, up to what a message may hold.
func nesting(s *Subject) []Case {
	var all []Case
	search := func(filter []byte) []byte { return message(id, searchFor("", 0, filter)) }
	for _, n := range []int{1, 10, 60, 100, 500, 1000, 5000, 10000} {
		for name, tag := range map[string]byte{"and": 0xa0, "or": 0xa1, "not": 0xa2} {
			want := Any
			switch {
			case n <= 10:
				want = Result
			case n >= 5000:
				want = Notice
			}
			all = append(all, one(Deep, fmt.Sprintf("%d filters: %s", n, name), search(nested(tag, n, present("objectClass"))), want))
		}
		all = append(all,
			one(Deep, fmt.Sprintf("%d filters: and of nothing", n), search(nested(0xa0, n, []byte{0xa0, 0})), Any),
			one(Deep, fmt.Sprintf("%d filters: unclosed", n), search(nested(0xa1, n, []byte{0xa3})), Notice),
			one(Deep, fmt.Sprintf("%d substrings", n), search(tlv(0xa4, octets("cn"), nested(tagSequence, n, tagged(0x81, "x")))), Any),
			one(Deep, fmt.Sprintf("%d sequences as operation", n), message(id, nested(tagSequence, n, nil)), Notice),
			one(Deep, fmt.Sprintf("%d sequences as message", n), nested(tagSequence, n, integer(1)), Any),
			one(Deep, fmt.Sprintf("%d sequences as controls", n), message(id, rootDSE(), nested(tagSequence, n, octets(oidUnknown))), Any),
			one(Deep, fmt.Sprintf("%d sequences behind a bind", n), message(id, tlv(tagBindRequest, integer(3), octets(""), tagged(tagSimple, ""), nested(0xa0, n, nil))), Any),
			one(Deep, fmt.Sprintf("%d binds in binds", n), message(id, nested(tagBindRequest, n, integer(3))), Notice),
			one(Deep, fmt.Sprintf("%d attributes in attributes", n), message(id, tlv(tagAdd, octets("cn=a"), nested(tagSequence, n, octets("a")))), Any),
			one(Deep, fmt.Sprintf("%d values in a control", n), message(id, rootDSE(), control(oidPaged, true, nested(tagSequence, n, integer(1)))), Any),
		)
	}
	wide := func(name string, element []byte, n int, wrap func([]byte) []byte) {
		all = append(all, one(Deep, fmt.Sprintf("%d %s side by side", n, name), wrap(bytes.Repeat(element, n)), Any))
	}
	for _, n := range []int{1000, 1024, 1025, 10000, 20000} {
		wide("empty filters", []byte{0xa0, 0}, n, func(b []byte) []byte { return search(tlv(0xa1, b)) })
		wide("parts of a substring", []byte{0x81, 0}, n, func(b []byte) []byte { return search(tlv(0xa4, octets("cn"), tlv(tagSequence, b))) })
		wide("attributes", []byte{tagOctets, 0}, n, func(b []byte) []byte {
			return message(id, tlv(tagSearch, octets(""), enumerated(0), enumerated(0), integer(0), integer(0), truth(false), present("objectClass"), tlv(tagSequence, b)))
		})
		wide("controls", tlv(tagSequence, octets("")), n, func(b []byte) []byte { return tlv(tagSequence, integer(id), rootDSE(), tlv(tagControls, b)) })
	}
	sortByName(all) // a map has no order
	return all
}
