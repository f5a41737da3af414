package hostile

import "fmt"

// ids are requests whose message ID is none, or another's.
func ids(*Subject) []Case {
	var all []Case
	raw := func(content ...byte) []byte { return tlv(tagInteger, content) }
	for _, op := range []struct {
		name  string
		bytes []byte
	}{{"root DSE", rootDSE()}, {"bind", simpleBind(3, "", "")}, {"whoami", extended(oidWhoAmI)}} {
		of := func(element []byte) []byte { return tlv(tagSequence, element, op.bytes) }
		for _, c := range []struct {
			name string
			id   []byte
			want Want
			is   int64
		}{
			{"1", raw(1), Result, 1},
			{"2147483647", raw(0x7f, 0xff, 0xff, 0xff), Result, 1<<31 - 1},
			{"128", raw(0, 0x80), Result, 128},
			{"0", raw(0), Notice, 0},
			{"-1", raw(0xff), Notice, 0},
			{"-2147483648", raw(0x80, 0, 0, 0), Notice, 0},
			{"2147483648", raw(0, 0x80, 0, 0, 0), Notice, 0},
			{"4294967295", raw(0, 0xff, 0xff, 0xff, 0xff), Notice, 0},
			{"4294967297, which is 1 in 32 bits", raw(1, 0, 0, 0, 1), Notice, 0},
			{"2 to the 63rd", raw(0, 0x80, 0, 0, 0, 0, 0, 0, 0), Notice, 0},
			{"of 100 octets", raw(make([]byte, 100)...), Notice, 0},
			{"of no octet", raw(), Notice, 0},
			{"an ENUMERATED", tlv(tagEnumerated, []byte{1}), Notice, 0},
			{"an OCTET STRING", octets("\x01"), Notice, 0},
			{"two of them", append(raw(1), raw(2)...), Notice, 0},
			{"none", nil, Notice, 0},
		} {
			k := one(IDs, op.name+" with "+c.name, of(c.id), c.want)
			k.ID = c.is
			all = append(all, k)
		}
	}
	// One after the other, an ID may come back.
	twice := Case{Class: IDs, Name: "the same one after the answer", Parts: [][]byte{message(id, rootDSE()), nil, message(id, extended(oidWhoAmI))}, Want: Result, ID: id}
	many := Case{Class: IDs, Name: "the same one 100 times in a segment", Want: Any}
	for range 100 {
		many.Parts = append(many.Parts, message(id, rootDSE()))
	}
	all = append(all, twice, many)
	for n := range 20 {
		var b []byte
		for i := range 30 {
			b = append(b, message(int64((n*7919+i*104729)%2147483647)+1, rootDSE())...)
		}
		all = append(all, one(IDs, fmt.Sprintf("in no order, %d", n), b, Result))
	}
	return all
}
