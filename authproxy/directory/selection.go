package directory

import (
	"encoding/binary"
	"iter"
	"slices"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

// A Selection is which attributes a client asked for (RFC 4511, section 4.5.1.8;
// RFC 3673 for +).
type Selection struct {
	user, operational bool
	typesOnly         bool
	fields            uint64       // of the field table, under their first name
	named             []*attribute // the others
	extra             []byte       // what is encoded for one entry
}

// selectAttributes reads an attribute list into s.
func (t *Tree) selectAttributes(s *Selection, asked [][]byte, typesOnly bool) {
	*s = Selection{named: s.named[:0], extra: s.extra[:0], typesOnly: typesOnly}
	if len(asked) == 0 {
		s.user = true
	}
	for _, name := range asked {
		switch string(name) {
		case "*":
			s.user = true
		case "+":
			s.operational = true
		case "1.1":
		default:
			s.name(t.schema.find(name))
		}
	}
	if s.user {
		s.fields = ^uint64(0)
	}
}

func (s *Selection) name(a *attribute) {
	switch {
	case a == nil || slices.Contains(s.named, a):
	case a.field != 0 && !a.also && a.field != store.Photo:
		s.fields |= 1 << a.field
		s.named = append(s.named, a)
	default:
		s.named = append(s.named, a)
	}
}

// wants tells whether an attribute of a node is to be sent.
func (s *Selection) wants(a *attribute) bool {
	if a.operational {
		return s.operational || slices.Contains(s.named, a)
	}
	return s.user || slices.Contains(s.named, a)
}

// append appends an entry as a SearchResultEntry. What is selected of the record
// lies there as it is sent and is copied; the rest is encoded first.
func (h *hit) append(dst []byte, id int32, s *Selection) []byte {
	fields := s.fields
	s.extra = s.extra[:0]
	if s.typesOnly {
		fields = 0
		h.appendTypes(s)
	} else {
		h.appendExtra(s)
	}
	attributes := h.record.attributes()
	table, body := splitTable(attributes)
	size := len(s.extra)
	for rest := table; len(rest) > 0; {
		var field byte
		var length int
		if field, length, rest = nextAttribute(rest); fields&(1<<field) != 0 {
			size += length
		}
	}
	dst = ldapwire.AppendEntryHead(dst, id, rdnPrefix, h.record.rdn(), h.home.suffix, size)
	dst = append(dst, s.extra...)
	from, at := 0, 0 // a run of wanted attributes is copied in one piece
	for rest := table; len(rest) > 0; {
		var field byte
		var length int
		field, length, rest = nextAttribute(rest)
		if fields&(1<<field) == 0 {
			dst = append(dst, body[from:at]...)
			from = at + length
		}
		at += length
	}
	return append(dst, body[from:at]...)
}

// splitTable parts the table of a record's attributes from their BER.
func splitTable(attributes []byte) (table, body []byte) {
	at := 1
	for range attributes[0] {
		at++
		for attributes[at] >= 0x80 {
			at++
		}
		at++
	}
	return attributes[1:at], attributes[at:]
}

func nextAttribute(table []byte) (field byte, length int, rest []byte) {
	if n := table[1]; n < 0x80 {
		return table[0], int(n), table[2:]
	}
	n, size := binary.Uvarint(table[1:])
	return table[0], int(n), table[1+size:]
}

// attribute returns the BER of one field's attribute, nil for none.
func (r record) attribute(id store.FieldID) []byte {
	table, body := splitTable(r.attributes())
	at := 0
	for len(table) > 0 {
		var field byte
		var length int
		if field, length, table = nextAttribute(table); store.FieldID(field) == id {
			return body[at : at+length]
		}
		at += length
	}
	return nil
}

// values are the values of a field as they are sent.
func (r record) values(id store.FieldID) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, v := range ldapwire.PartialAttributeValues(r.attribute(id)) {
			if !yield(string(v)) {
				return
			}
		}
	}
}

// encodedClasses is the objectClass attribute of every entry.
var encodedClasses = ldapwire.AppendPartialAttribute(nil, "objectClass", entryClasses...)

// appendExtra encodes what is selected and not in the record.
func (h *hit) appendExtra(s *Selection) {
	if s.user {
		s.extra = append(s.extra, encodedClasses...)
	}
	if s.fields&(1<<store.Username) != 0 && h.record.fields()&(1<<store.Username) == 0 {
		s.extra = ldapwire.AppendPartialAttribute(s.extra, "uid", string(h.record.id()))
	}
	if s.user && h.record.fields()&(1<<store.Photo) != 0 {
		h.appendPhoto(s)
	}
	for _, a := range s.named {
		switch {
		case a.field == store.Photo:
			if !s.user && h.record.fields()&(1<<store.Photo) != 0 {
				h.appendPhoto(s)
			}
		case a.also:
			if ber := h.record.attribute(a.field); ber != nil {
				s.extra = ldapwire.AppendRenamed(s.extra, a.name(), ber)
			}
		case a.operational && s.operational || a.field != 0 || s.user && !a.operational:
		default:
			h.appendOwn(s, a)
		}
	}
	if !s.operational {
		return
	}
	for _, a := range h.home.tree.schema.attributes {
		if a.operational && entryHas(a) {
			h.appendOwn(s, a)
		}
	}
}

func (h *hit) appendOwn(s *Selection, a *attribute) {
	if values := h.home.ownValues(a, h.record); len(values) > 0 {
		s.extra = ldapwire.AppendPartialAttribute(s.extra, a.name(), values...)
	}
}

// appendPhoto reads the photo from the store: pictures are too large to be kept in
// memory for the few clients that ask for them. One that cannot be read is left
// out, and the entry is sent without it.
func (h *hit) appendPhoto(s *Selection) {
	e, err := h.home.tree.store.Entry(store.Ref{Kind: h.home.kind, ID: string(h.record.id())})
	if photo := e.Values.All(store.Photo); err == nil && len(photo) > 0 {
		s.extra = ldapwire.AppendPartialAttribute(s.extra, "jpegPhoto", photo...)
	}
}

// appendTypes encodes the names of what is selected.
func (h *hit) appendTypes(s *Selection) {
	for _, a := range h.home.tree.schema.attributes {
		if s.wants(a) && (!a.also || slices.Contains(s.named, a)) && h.hasAttribute(a) {
			s.extra = ldapwire.AppendPartialAttribute(s.extra, a.name())
		}
	}
}

func (h *hit) hasAttribute(a *attribute) bool {
	if a.field == 0 {
		return entryHas(a)
	}
	return a.field == store.Username && !a.also || h.record.fields()&(1<<a.field) != 0
}
