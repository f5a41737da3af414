package directory

import (
	"encoding/binary"
	"slices"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

// A record is an entry as searches need it, in one piece of memory without a
// pointer, so that half a million of them cost the collector nothing:
//
//	fields      uint64  one bit for each field that has a value
//	created     uint32  seconds since 1970
//	modified    uint32
//	id          13 bytes, the entry's ID
//	rdn         uvarint and bytes; the escaped value of a user's RDN, else empty: the ID
//	prepared    uvarint and items: field and form (byte), uvarint, text
//	attributes  count (byte), then field (byte) and length (uvarint) of each, then their BER
//
// The display name is the first item: entries are ordered by it. The BER is what
// a SearchResultEntry has (RFC 4511, section 4.5.2), so that sending an entry is
// copying it. A photo is not in it: it is read from the store when it is wanted.
type record []byte

const (
	recordCreated  = 8
	recordModified = 12
	recordID       = 16
	recordRDN      = recordID + idLen

	idLen = 13
)

// A form is one of the ways to spell a prepared value; see text.go.
type form uint8

const (
	formBase    form = iota // base letters; of a text without marks, the text
	formMarked              // with its marks
	formDigraph             // with digraphs, where they differ from the base letters

	formShift = 6
	fieldMask = 1<<formShift - 1
)

func (r record) fields() uint64 { return binary.LittleEndian.Uint64(r) }

func (r record) id() []byte { return r[recordID:recordRDN] }

func (r record) created() int64 { return int64(binary.LittleEndian.Uint32(r[recordCreated:])) }

func (r record) modified() int64 { return int64(binary.LittleEndian.Uint32(r[recordModified:])) }

// rdn is the value of the entry's RDN, escaped.
func (r record) rdn() []byte {
	if rdn, _ := cut(r[recordRDN:]); len(rdn) > 0 {
		return rdn
	}
	return r.id()
}

// items are the prepared values.
func (r record) items() []byte {
	_, rest := cut(r[recordRDN:])
	items, _ := cut(rest)
	return items
}

// attributes is the table and the BER behind it.
func (r record) attributes() []byte {
	_, rest := cut(r[recordRDN:])
	_, rest = cut(rest)
	return rest
}

// key is what entries are ordered by: the display name in its base letters.
func (r record) key() []byte {
	_, text, _ := nextItem(r.items())
	return text
}

// nextItem takes the first item off.
func nextItem(items []byte) (tag byte, text, rest []byte) {
	tag = items[0]
	if n := int(items[1]); n < 0x80 {
		return tag, items[2 : 2+n], items[2+n:]
	}
	text, rest = cut(items[1:])
	return tag, text, rest
}

// cut reads a length and as many bytes.
func cut(b []byte) (head, rest []byte) {
	if n := int(b[0]); n < 0x80 {
		return b[1 : 1+n], b[1+n:]
	}
	n, size := binary.Uvarint(b)
	return b[size : size+int(n)], b[size+int(n):]
}

// An encoder makes records of entries.
type encoder struct {
	schema  *schema
	numbers *Numbering
	output  Output

	items, ber []byte
	table      []byte
	scratch    []byte
}

// appendRecord appends the record of an entry.
func (x *encoder) appendRecord(dst []byte, e *store.Entry) []byte {
	var fields uint64
	x.items, x.table, x.ber = x.items[:0], append(x.table[:0], 0), x.ber[:0]
	x.prepare(store.DisplayName, fieldText(e, store.DisplayName))
	for i := 0; i < len(e.Values); {
		id := e.Values[i].Field
		n := 1
		for i+n < len(e.Values) && e.Values[i+n].Field == id {
			n++
		}
		fields |= 1 << id
		x.field(id, e.Values[i:i+n])
		i += n
	}
	if !e.Values.Has(store.Surname) {
		// inetOrgPerson requires sn, and phones that ask for it would never find a
		// company otherwise.
		fields |= 1 << store.Surname
		x.field(store.Surname, store.Values{{Field: store.Surname, Text: fieldText(e, store.DisplayName)}})
	}
	dst = binary.LittleEndian.AppendUint64(dst, fields)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(e.Created.Unix()))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(e.Modified.Unix()))
	dst = append(dst, e.ID...)
	rdn := ""
	if e.Kind == store.KindUser {
		rdn = ldapwire.EscapeDNValue(e.Values.First(store.Username))
	}
	dst = append(binary.AppendUvarint(dst, uint64(len(rdn))), rdn...)
	dst = append(binary.AppendUvarint(dst, uint64(len(x.items))), x.items...)
	dst = append(dst, x.table...)
	return append(dst, x.ber...)
}

// fieldText is the first value of a field; an entry always has a display name,
// which the store sees to.
func fieldText(e *store.Entry, id store.FieldID) string { return e.Values.First(id) }

// field adds the values of one field.
func (x *encoder) field(id store.FieldID, values store.Values) {
	a := x.schema.ofField(id)
	if a == nil || a.syntax == syntaxOctets {
		return
	}
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = v.Text
		switch {
		case a.syntax == syntaxNumber:
			x.prepareNumber(id, v.Text)
			texts[i] = x.numbers.format(v.Text, x.output)
		case a.syntax == syntaxName:
			x.prepareName(id, v.Text)
		case id != store.DisplayName || i > 0:
			x.prepare(id, v.Text)
		}
	}
	start := len(x.ber)
	x.ber = ldapwire.AppendPartialAttribute(x.ber, a.name(), texts...)
	x.table[0]++
	x.table = binary.AppendUvarint(append(x.table, byte(id)), uint64(len(x.ber)-start))
}

// prepare adds the forms of a text.
func (x *encoder) prepare(id store.FieldID, text string) {
	prepared, marked, _ := appendText(x.scratch[:0], text, whole)
	x.scratch = prepared
	if !marked {
		x.item(id, formBase, prepared)
		return
	}
	folded := foldText(text)
	plain, pairs := appendSettled(nil, base(folded)), appendSettled(nil, digraph(folded))
	x.item(id, formBase, plain)
	x.item(id, formMarked, prepared)
	if !slices.Equal(plain, pairs) {
		x.item(id, formDigraph, pairs)
	}
}

func (x *encoder) prepareName(id store.FieldID, text string) {
	x.scratch, _, _ = appendText(x.scratch[:0], text, whole)
	x.item(id, formBase, x.scratch)
}

func (x *encoder) prepareNumber(id store.FieldID, text string) {
	if x.scratch = x.numbers.canonical(x.scratch[:0], text); len(x.scratch) > 0 {
		x.item(id, formBase, x.scratch)
	}
}

func (x *encoder) item(id store.FieldID, f form, text []byte) {
	x.items = append(x.items, byte(id)|byte(f)<<formShift)
	x.items = append(binary.AppendUvarint(x.items, uint64(len(text))), text...)
}

// appendSettled appends folded text as a whole value.
func appendSettled(dst []byte, folded string) []byte {
	start := len(dst)
	return endText(appendSqueezed(dst, folded, whole), start, whole)
}
