package ldapwire

func (d *decoder) entry(c cursor, e *Entry) {
	e.DN = c.octets(tagOctetString, "entry DN")
	e.Attributes = d.attributes(c.enter(tagSequence, "entry attributes"))
	c.rest()
}

func (d *decoder) attributes(c cursor) []Attribute {
	list := d.m.arenas.attributes.take(c.count("attribute", unbounded))
	for i := range list {
		d.attribute(&c, &list[i])
	}
	return list
}

func (d *decoder) attribute(c *cursor, a *Attribute) {
	s := c.enter(tagSequence, "attribute")
	a.Type = s.octets(tagOctetString, "attribute type")
	values := s.enter(tagSet, "attribute values")
	a.Values = values.list("attribute value", unbounded)
	s.rest()
}

func appendAttributes(dst []byte, list []Attribute) []byte {
	dst, mark := begin(dst, tagSequence)
	for i := range list {
		dst = appendAttribute(dst, &list[i])
	}
	return end(dst, mark)
}

func appendAttribute(dst []byte, a *Attribute) []byte {
	dst, mark := begin(dst, tagSequence)
	dst = appendOctets(dst, tagOctetString, a.Type)
	dst = appendList(dst, tagSet, a.Values)
	return end(dst, mark)
}

func appendEntry(dst []byte, e *Entry) []byte {
	dst = appendOctets(dst, tagOctetString, e.DN)
	return appendAttributes(dst, e.Attributes)
}

// AppendSearchResultEntry appends a SearchResultEntry.
func AppendSearchResultEntry(dst []byte, id int32, e *Entry, controls ...Control) []byte {
	dst, env := beginMessage(dst, id, OpSearchResultEntry)
	dst = appendEntry(dst, e)
	return endMessage(dst, env, controls)
}

// AppendEntryHead appends a SearchResultEntry up to its attributes. The caller
// appends attributes octets of PartialAttributes behind it, encoded before, and
// the entry is whole: nothing is moved, unlike with an EntryEncoder. The DN is
// given in three parts, which it is cut into where many entries share its ends.
func AppendEntryHead[S string | []byte](dst []byte, id int32, prefix string, name S, suffix string, attributes int) []byte {
	dn := len(prefix) + len(name) + len(suffix)
	op := 1 + lengthSize(dn) + dn + 1 + lengthSize(attributes) + attributes
	var number [6]byte
	message := appendInteger(number[:0], tagInteger, id)
	dst = appendLength(append(dst, tagSequence), len(message)+1+lengthSize(op)+op)
	dst = append(dst, message...)
	dst = appendLength(append(dst, byte(OpSearchResultEntry)), op)
	dst = appendLength(append(dst, tagOctetString), dn)
	dst = append(dst, prefix...)
	dst = append(dst, name...)
	dst = append(dst, suffix...)
	return appendLength(append(dst, tagSequence), attributes)
}

// AppendPartialAttribute appends one attribute with its values, or with none.
func AppendPartialAttribute(dst []byte, description string, values ...string) []byte {
	dst, sequence := begin(dst, tagSequence)
	dst = appendOctets(dst, tagOctetString, description)
	dst, set := begin(dst, tagSet)
	for _, v := range values {
		dst = appendOctets(dst, tagOctetString, v)
	}
	return end(end(dst, set), sequence)
}

// An EntryEncoder appends one SearchResultEntry piece by piece, straight from
// wherever the attributes are kept:
//
//	e := ldapwire.BeginEntry(dst, id, dn)
//	e.Attribute("cn")
//	e.Value("Jürgen Müller")
//	e.Attribute("mail") // with typesOnly: no values
//	dst = e.End()
//
// The buffer belongs to the encoder until End.
type EntryEncoder struct {
	dst      []byte
	envelope envelope
	list     int
	sequence int // of the open attribute; 0 when none is open
	values   int
}

// BeginEntry begins a SearchResultEntry at the end of dst.
func BeginEntry(dst []byte, id int32, dn string) EntryEncoder {
	var e EntryEncoder
	dst, e.envelope = beginMessage(dst, id, OpSearchResultEntry)
	dst = appendOctets(dst, tagOctetString, dn)
	e.dst, e.list = begin(dst, tagSequence)
	return e
}

// Attribute begins an attribute and ends the one before.
func (e *EntryEncoder) Attribute(description string) {
	e.endAttribute()
	e.dst, e.sequence = begin(e.dst, tagSequence)
	e.dst = appendOctets(e.dst, tagOctetString, description)
	e.dst, e.values = begin(e.dst, tagSet)
}

// Value appends a value to the attribute that was begun last.
func (e *EntryEncoder) Value(value string) {
	e.dst = appendOctets(e.dst, tagOctetString, value)
}

// Bytes appends a value to the attribute that was begun last.
func (e *EntryEncoder) Bytes(value []byte) {
	e.dst = appendOctets(e.dst, tagOctetString, value)
}

func (e *EntryEncoder) endAttribute() {
	if e.sequence == 0 {
		return
	}
	e.dst = end(e.dst, e.values)
	e.dst = end(e.dst, e.sequence)
	e.sequence = 0
}

// End ends the entry and returns the buffer.
func (e *EntryEncoder) End(controls ...Control) []byte {
	e.endAttribute()
	return endMessage(end(e.dst, e.list), e.envelope, controls)
}

// AppendRenamed appends a PartialAttribute, encoded before, under another
// description.
func AppendRenamed(dst []byte, description string, attribute []byte) []byte {
	_, set := splitAttribute(attribute)
	dst, mark := begin(dst, tagSequence)
	dst = appendOctets(dst, tagOctetString, description)
	return end(append(dst, set...), mark)
}

// PartialAttributeValues returns the values of a PartialAttribute that was encoded
// here; they point into it.
func PartialAttributeValues(attribute []byte) [][]byte {
	if len(attribute) == 0 {
		return nil
	}
	_, set := splitAttribute(attribute)
	h, _ := parseHeader(set)
	var values [][]byte
	for rest := set[h.size:]; len(rest) > 0; {
		h, _ := parseHeader(rest)
		end := h.size + int(h.length)
		values, rest = append(values, rest[h.size:end]), rest[end:]
	}
	return values
}

// splitAttribute parts the description, with its header, from the set of values.
func splitAttribute(attribute []byte) (description, set []byte) {
	h, _ := parseHeader(attribute)
	body := attribute[h.size:]
	d, _ := parseHeader(body)
	n := d.size + int(d.length)
	return body[:n], body[n:]
}
