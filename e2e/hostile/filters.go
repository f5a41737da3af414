package hostile

import (
	"fmt"
	"strings"
)

// filters are filters that RFC 4511 has no production for, and some that it has and nobody sends.
func filters(*Subject) []Case {
	a, v := octets("cn"), octets("x")
	ava := tlv(0xa3, a, v)
	list := []struct {
		name   string
		filter []byte
		want   Want
	}{
		{"none at all", nil, Notice},
		{"and of nothing", tlv(0xa0), Result}, // RFC 4526: absolute true
		{"or of nothing", tlv(0xa1), Result},
		{"not of nothing", tlv(0xa2), Notice},
		{"not of two", tlv(0xa2, ava, ava), Any},
		{"not of an octet string", tlv(0xa2, v), Notice},
		{"and of an octet string", tlv(0xa0, v), Notice},
		{"and of a SET", tlv(0xa0, tlv(tagSet, ava)), Notice},
		{"and, primitive", tlv(0x80, ava), Notice},
		{"equality of nothing", tlv(0xa3), Notice},
		{"equality without a value", tlv(0xa3, a), Notice},
		{"equality of three", tlv(0xa3, a, v, v), Any},
		{"equality of integers", tlv(0xa3, integer(1), integer(2)), Notice},
		{"equality, primitive", tlv(0x83, a, v), Notice},
		{"equality of empty strings", tlv(0xa3, octets(""), octets("")), Result},
		{"substrings of nothing", tlv(0xa4), Notice},
		{"substrings without parts", tlv(0xa4, a), Notice},
		{"substrings of no part", tlv(0xa4, a, tlv(tagSequence)), Notice},
		{"substrings of an empty part", tlv(0xa4, a, tlv(tagSequence, tagged(0x81, ""))), Any},
		{"substrings: two beginnings", tlv(0xa4, a, tlv(tagSequence, tagged(0x80, "a"), tagged(0x80, "b"))), Notice},
		{"substrings: two ends", tlv(0xa4, a, tlv(tagSequence, tagged(0x82, "a"), tagged(0x82, "b"))), Notice},
		{"substrings: the end first", tlv(0xa4, a, tlv(tagSequence, tagged(0x82, "a"), tagged(0x80, "b"))), Notice},
		{"substrings: a beginning in the middle", tlv(0xa4, a, tlv(tagSequence, tagged(0x81, "a"), tagged(0x80, "b"))), Notice},
		{"substrings: an unknown part", tlv(0xa4, a, tlv(tagSequence, tagged(0x83, "a"))), Notice},
		{"substrings: parts in a SET", tlv(0xa4, a, tlv(tagSet, tagged(0x81, "a"))), Notice},
		{"substrings: constructed part", tlv(0xa4, a, tlv(tagSequence, tlv(0xa1, v))), Notice},
		{"greater of nothing", tlv(0xa5), Notice},
		{"less of nothing", tlv(0xa6), Notice},
		{"present of nothing", tagged(0x87, ""), Result},
		{"present, constructed", tlv(0xa7, a), Notice},
		{"approximate of nothing", tlv(0xa8), Notice},
		{"extensible of nothing", tlv(0xa9), Notice},
		{"extensible without a value", tlv(0xa9, tagged(0x81, "caseIgnoreMatch")), Notice},
		{"extensible of a value alone", tlv(0xa9, tagged(0x83, "x")), Any},
		{"extensible, unknown rule", tlv(0xa9, tagged(0x81, "1.2.3.4"), tagged(0x82, "cn"), tagged(0x83, "x")), Result},
		{"extensible, AD's chain", tlv(0xa9, tagged(0x81, "1.2.840.113556.1.4.1941"), tagged(0x82, "memberOf"), tagged(0x83, "cn=x")), Result},
		{"extensible, in another order", tlv(0xa9, tagged(0x83, "x"), tagged(0x82, "cn"), tagged(0x81, "1.2.3")), Any},
		{"extensible, dnAttributes of two octets", tlv(0xa9, tagged(0x82, "cn"), tagged(0x83, "x"), tagged(0x84, "\xff\xff")), Notice},
		{"extensible, dnAttributes of none", tlv(0xa9, tagged(0x82, "cn"), tagged(0x83, "x"), tagged(0x84, "")), Notice},
		{"extensible, twice the same", tlv(0xa9, tagged(0x82, "cn"), tagged(0x82, "sn"), tagged(0x83, "x")), Any},
		{"an empty attribute", tlv(0xa3, octets(""), v), Result},
		{"an attribute of 30 KiB", tlv(0xa3, octets(strings.Repeat("a", 30<<10)), v), Result},
		{"an attribute with options", tlv(0xa3, octets("cn;lang-de;x-y"), v), Result},
		{"an attribute of semicolons", tlv(0xa3, octets(";;;;"), v), Result},
		{"an attribute of digits", tlv(0xa3, octets("2.5.4.3.99999999999999999999"), v), Result},
		{"an attribute of dots", tlv(0xa3, octets("...."), v), Result},
		{"text", []byte("(cn=x)"), Notice},
		{"a sequence", tlv(tagSequence, ava), Notice},
		{"null", []byte{5, 0}, Notice},
		{"two of them", append(ava, ava...), Notice},
		{"a time that is none", tlv(0xa5, octets("modifyTimestamp"), octets("20001399996199Z")), Result},
		{"a time of the year 0", tlv(0xa5, octets("createTimestamp"), octets("0000010100Z+-")), Result},
		{"a number of 30000 digits", tlv(0xa3, octets("telephoneNumber"), octets(strings.Repeat("9", 30000))), Result},
		{"a number of pluses", tlv(0xa3, octets("telephoneNumber"), octets("++++")), Result},
		{"the password", tlv(0xa3, octets("userPassword"), octets("x")), Result},
		{"the password begins", tlv(0xa4, octets("userPassword"), tlv(tagSequence, tagged(0x80, "r"))), Result},
		{"a DN that is none", tlv(0xa3, octets("subschemaSubentry"), octets("=,=,\\")), Result},
		{"a boolean that is none", tlv(0xa3, octets("hasSubordinates"), octets("maybe")), Result},
		{"an OID that is none", tlv(0xa3, octets("objectClass"), octets("1..2.-3")), Result},
	}
	for tag := 0xaa; tag <= 0xbe; tag++ {
		list = append(list, struct {
			name   string
			filter []byte
			want   Want
		}{fmt.Sprintf("choice %#x", tag), tlv(byte(tag), a, v), Answer}) // CHOICE has an extension mark: Undefined would do, too
	}
	var all []Case
	for _, f := range list {
		for _, bound := range []bool{false, true} {
			c := one(Filters, f.name, message(id, searchFor("", 0, f.filter)), f.want)
			if bound {
				c.Name += ", logged in"
			}
			c.Bound, c.ID = bound, id
			all = append(all, c)
		}
		if f.filter != nil {
			all = append(all, one(Filters, f.name+", in a not in an and", message(id, searchFor("", 0, tlv(0xa0, tlv(0xa2, f.filter)))), Any))
		}
	}
	// The other parts of a search.
	parts := func(name string, want Want, elements ...[]byte) {
		c := one(Filters, "search with "+name, message(id, tlv(tagSearch, elements...)), want)
		c.ID = id
		all = append(all, c)
	}
	f, none := present("objectClass"), tlv(tagSequence)
	parts("scope 4", Notice, octets(""), enumerated(4), enumerated(0), integer(0), integer(0), truth(false), f, none)
	parts("scope -1", Notice, octets(""), enumerated(-1), enumerated(0), integer(0), integer(0), truth(false), f, none)
	parts("scope an INTEGER", Notice, octets(""), integer(0), enumerated(0), integer(0), integer(0), truth(false), f, none)
	parts("deref 9", Notice, octets(""), enumerated(0), enumerated(9), integer(0), integer(0), truth(false), f, none)
	parts("a size limit below 0", Notice, octets(""), enumerated(0), enumerated(0), integer(-1), integer(0), truth(false), f, none)
	parts("a size limit of 2 to the 31st", Notice, octets(""), enumerated(0), enumerated(0), integer(1<<31), integer(0), truth(false), f, none)
	parts("the largest limits", Result, octets(""), enumerated(0), enumerated(0), integer(1<<31-1), integer(1<<31-1), truth(false), f, none)
	parts("a time limit below 0", Notice, octets(""), enumerated(0), enumerated(0), integer(0), integer(-5), truth(false), f, none)
	parts("typesOnly of two octets", Notice, octets(""), enumerated(0), enumerated(0), integer(0), integer(0), tagged(tagBoolean, "\xff\xff"), f, none)
	parts("TRUE as 1", Result, octets(""), enumerated(0), enumerated(0), integer(0), integer(0), tagged(tagBoolean, "\x01"), f, none)
	parts("no attribute list", Notice, octets(""), enumerated(0), enumerated(0), integer(0), integer(0), truth(false), f)
	parts("attributes of integers", Notice, octets(""), enumerated(0), enumerated(0), integer(0), integer(0), truth(false), f, tlv(tagSequence, integer(1)))
	return all
}
