package hostile

import (
	"fmt"
	"strings"
)

// controls are controls that nobody knows, that make no sense, or that lie.
func controls(s *Subject) []Case {
	var all []Case
	add := func(name string, b []byte, want Want, codes ...int) {
		for _, bound := range []bool{false, true} {
			c := one(Controls, name, b, want)
			if bound {
				c.Name += ", logged in"
			}
			c.Bound, c.Codes = bound, codes
			if want == Result {
				c.ID = id
			}
			all = append(all, c)
		}
	}
	// RFC 4511, section 4.1.11: an operation with a critical control that is unknown is not done.
	for _, r := range s.requests() {
		if r.codes == nil {
			continue
		}
		op := parse(r.bytes).kids[1].bytes(nil)
		want := func(critical bool) []int {
			if critical {
				return []int{12}
			}
			return nil
		}
		for _, critical := range []bool{true, false} {
			word := map[bool]string{true: "critical", false: "not critical"}[critical]
			add(r.name+", unknown and "+word, message(id, op, control(oidUnknown, critical, nil)), Result, want(critical)...)
			add(r.name+", unknown with a value and "+word, message(id, op, control(oidUnknown, critical, []byte("\x00\xff"))), Result, want(critical)...)
			add(r.name+", behind a known one and "+word, message(id, op, control(oidManageDsaIT, true, nil), control(oidUnknown, critical, nil)), Result, want(critical)...)
		}
		add(r.name+", an empty list", tlv(tagSequence, integer(id), op, []byte{tagControls, 0}), Result)
		add(r.name+", no name and critical", message(id, op, control("", true, nil)), Result, 12)
	}
	search := func(c ...[]byte) []byte { return message(id, rootDSE(), c...) }
	add("criticality alone", search(tlv(tagSequence, truth(true))), Notice)
	add("criticality before the name", search(tlv(tagSequence, truth(true), octets(oidPaged))), Notice)
	add("a value alone", search(tlv(tagSequence, integer(1))), Notice)
	add("an empty control", search(tlv(tagSequence)), Notice)
	add("no control", search(octets(oidPaged)), Notice)
	add("a SET", search(tlv(tagSet, octets(oidPaged))), Notice)
	add("criticality of two octets", search(tlv(tagSequence, octets(oidUnknown), tagged(tagBoolean, "\xff\xff"))), Notice)
	add("criticality of none", search(tlv(tagSequence, octets(oidUnknown), tagged(tagBoolean, ""))), Notice)
	add("criticality 1", search(tlv(tagSequence, octets(oidUnknown), tagged(tagBoolean, "\x01"))), Result, 12)
	add("two values", search(tlv(tagSequence, octets(oidUnknown), octets("a"), octets("b"))), Any)
	add("a name of 30 KiB, critical", search(control(strings.Repeat("1.", 15<<10), true, nil)), Result, 12)
	add("a name with escapes, critical", search(control("\x1b[2J\n\x00", true, nil)), Result, 12)
	add("primitive list", append([]byte{}, tlv(tagSequence, integer(id), rootDSE(), tlv(0x80, control(oidPaged, false, nil)))...), Any)
	add("two lists", tlv(tagSequence, integer(id), rootDSE(), tlv(tagControls), tlv(tagControls)), Any)
	add("the list before the operation", tlv(tagSequence, integer(id), tlv(tagControls), rootDSE()), Notice)
	add("junk behind the list", tlv(tagSequence, integer(id), rootDSE(), tlv(tagControls), []byte{0x30}), Notice)
	for _, oid := range []struct{ name, oid string }{{"paged", oidPaged}, {"sort", oidSort}, {"view", oidView}, {"subentries", oidSubentries}} {
		for name, value := range map[string][]byte{
			"no": nil, "an empty": {}, "a junk": []byte("\xde\xad\xbe\xef"), "a NULL": {5, 0}, "an empty sequence": {0x30, 0},
			"a lying": {0x30, 0x84, 0x7f, 0xff, 0xff, 0xff}, "an indefinite": {0x30, 0x80, 0, 0}, "a text": []byte("(cn=*)"), "a deep": nested(tagSequence, 1000, nil),
			"a negative": tlv(tagSequence, integer(-1), octets("")), "a huge": tlv(tagSequence, integer(1<<31), octets("")), "numbers only": tlv(tagSequence, integer(1), integer(2), integer(3)),
		} {
			add(oid.name+" with "+name+" value", search(control(oid.oid, false, value)), Answer)
			add(oid.name+" with "+name+" value, critical", search(control(oid.oid, true, value)), Answer)
		}
	}
	for name, value := range map[string][]byte{
		"size 0": pageValue(0, ""), "size 1": pageValue(1, ""), "the largest size": pageValue(1<<31-1, ""), "size -1": pageValue(-1, ""), "size 2 to the 31st": pageValue(1<<31, ""),
		"size 2 to the 40th": pageValue(1<<40, ""), "a cookie of junk": pageValue(5, "\xff\xff\xff\xff\xff\xff\xff\xff"), "a cookie of 30 KiB": pageValue(5, strings.Repeat("c", 30<<10)),
		"a cookie of zeros": pageValue(5, strings.Repeat("\x00", 64)), "a cookie of ones": pageValue(5, strings.Repeat("\x01", 17)), "size 0 and a cookie": pageValue(0, "\x01abcdefghijklmnopq"),
	} {
		b := message(id, searchFor(s.Base, 2, present("objectClass")), control(oidPaged, true, value))
		add("paged, "+name, b, Answer)
		add("paged twice, "+name, message(id, searchFor(s.Base, 2, present("objectClass")), control(oidPaged, true, value), control(oidPaged, true, pageValue(2, ""))), Answer)
	}
	key := func(parts ...[]byte) []byte { return tlv(tagSequence, parts...) }
	var many [][]byte
	for range 2000 {
		many = append(many, key(octets("sn")))
	}
	for name, value := range map[string][]byte{
		"no key": tlv(tagSequence), "an unknown key": tlv(tagSequence, key(octets("nonsense"))), "the password": tlv(tagSequence, key(octets("userPassword"))), "an empty key": tlv(tagSequence, key()),
		"2000 keys": tlv(tagSequence, many...), "an unknown rule": tlv(tagSequence, key(octets("sn"), tagged(0x80, "1.2.3"))), "the same key twice": tlv(tagSequence, key(octets("sn")), key(octets("sn"), tagged(0x81, "\xff"))),
		"a key with escapes": tlv(tagSequence, key(octets("\x1b[2J\x00"))),
	} {
		add("sort, "+name, message(id, searchFor(s.Base, 2, present("objectClass")), control(oidSort, true, value)), Answer)
	}
	view := func(before, after, offset, count int64) []byte {
		return tlv(tagSequence, integer(before), integer(after), tlv(0xa0, integer(offset), integer(count)))
	}
	for name, value := range map[string][]byte{
		"offset 0": view(0, 1, 0, 0), "the largest": view(1<<31-1, 1<<31-1, 1<<31-1, 1<<31-1), "negative": view(-1, -1, -1, -1), "beyond the end": view(0, 0, 1<<31-1, 1),
		"by a value of NULs": tlv(tagSequence, integer(1), integer(1), tagged(0x81, "\x00\x00")), "by a value of 30 KiB": tlv(tagSequence, integer(1), integer(1), tagged(0x81, strings.Repeat("z", 30<<10))),
		"a foreign context": tlv(tagSequence, integer(1), integer(1), tlv(0xa0, integer(1), integer(1)), octets("context")),
	} {
		sort := control(oidSort, true, tlv(tagSequence, key(octets("sn"))))
		b := searchFor(s.Base, 2, present("objectClass"))
		add("view, "+name, message(id, b, sort, control(oidView, true, value)), Answer)
		add("view without a sort, "+name, message(id, b, control(oidView, true, value)), Answer)
		add("view and pages, "+name, message(id, b, sort, control(oidView, true, value), control(oidPaged, true, pageValue(5, ""))), Answer)
	}
	for _, n := range []int{31, 32, 33, 100, 1000} {
		var list [][]byte
		for i := range n {
			list = append(list, control(fmt.Sprintf("%s.%d", oidUnknown, i), false, nil))
		}
		add(fmt.Sprintf("%d unknown ones", n), search(list...), Answer)
	}
	sortByName(all) // a map has no order
	return all
}
