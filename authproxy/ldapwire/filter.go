package ldapwire

// The identifier octets of Filter's choices: FilterKind added to tagFilter, for
// all are constructed but present.
const (
	tagFilter        = 0xa0
	tagFilterPresent = 0x87
)

// The tags inside substrings and extensibleMatch.
const (
	tagInitial      = 0x80
	tagAny          = 0x81
	tagFinal        = 0x82
	tagMatchingRule = 0x81
	tagMatchType    = 0x82
	tagMatchValue   = 0x83
	tagDNAttributes = 0x84
)

// filter reads one filter and what is nested in it; depth is how many may
// still be nested, this one included. That and the count of nodes bound the
// stack and the memory (OpenLDAP's CVE-2020-12243 was a filter without such a
// bound).
func (d *decoder) filter(c *cursor, f *Filter, depth int) {
	start := c.pos
	tag, body := c.element("filter")
	if d.err.What != "" {
		return
	}
	if depth == 0 {
		c.fail(start, "filter", "nested too deeply")
		return
	}
	if tag == tagFilterPresent {
		f.Kind, f.Attribute = FilterPresent, body.bytes()
		return
	}
	f.Kind = FilterKind(tag - tagFilter)
	switch f.Kind {
	case FilterAnd, FilterOr:
		f.Children = d.m.arenas.filters.take(d.parts(&body, "filter"))
		for i := range f.Children {
			d.filter(&body, &f.Children[i], depth-1)
		}
	case FilterNot:
		// Exactly one operand; what follows it, if anything, is trailing.
		if d.nodes == 0 {
			c.fail(start, "filter", "too many")
			return
		}
		d.nodes--
		f.Children = d.m.arenas.filters.take(1)
		d.filter(&body, &f.Children[0], depth-1)
		body.rest()
	case FilterEqualityMatch, FilterGreaterOrEqual, FilterLessOrEqual, FilterApproxMatch:
		f.Attribute = body.octets(tagOctetString, "attribute of a filter")
		f.Value = body.octets(tagOctetString, "value of a filter")
		body.rest()
	case FilterSubstrings:
		f.Attribute = body.octets(tagOctetString, "attribute of a filter")
		d.substrings(body.enter(tagSequence, "substrings"), f)
		body.rest()
	case FilterExtensibleMatch:
		d.extensible(start, body, f)
	default:
		c.fail(start, "filter", "identifier "+hexOctet(tag)+" is none of a filter's")
	}
}

// parts counts the elements that follow against what a search may have of them,
// before they are read and before anything is allocated for them.
func (d *decoder) parts(c *cursor, what string) int {
	n := c.count(what, d.nodes)
	d.nodes -= n
	return n
}

// substrings reads the parts: at most one initial, which is the first, and at
// most one final, which is the last (RFC 4511, section 4.5.1.7.2).
func (d *decoder) substrings(c cursor, f *Filter) {
	n := d.parts(&c, "substring")
	if n == 0 {
		c.fail(c.pos, "substrings", "none")
		return
	}
	if c.at(tagInitial) {
		f.Initial = c.octets(tagInitial, "initial substring")
		n--
	}
	if n == 0 {
		return
	}
	parts := d.m.arenas.strings.take(n)
	i := 0
	for c.at(tagAny) {
		parts[i] = c.octets(tagAny, "any substring")
		i++
	}
	if i > 0 {
		f.Any = parts[:i:i]
	}
	if i < n {
		f.Final = c.octets(tagFinal, "final substring")
		if c.more() {
			c.fail(c.pos, "substrings", "one follows the final one")
		}
	}
}

func (d *decoder) extensible(start int, c cursor, f *Filter) {
	if c.at(tagMatchingRule) {
		f.Rule = c.octets(tagMatchingRule, "matching rule")
	}
	if c.at(tagMatchType) {
		f.Attribute = c.octets(tagMatchType, "attribute of a filter")
	}
	f.Value = c.octets(tagMatchValue, "value of a filter")
	if c.at(tagDNAttributes) {
		f.DNAttributes = c.boolean(tagDNAttributes, "dnAttributes")
	}
	if f.Rule == nil && f.Attribute == nil {
		// RFC 4511, section 4.5.1.7.7.
		c.fail(start, "filter", "extensible match with neither rule nor attribute")
	}
	c.rest()
}

func appendFilter(dst []byte, f *Filter) []byte {
	if f.Kind == FilterPresent {
		return appendOctets(dst, tagFilterPresent, f.Attribute)
	}
	dst, mark := begin(dst, tagFilter|byte(f.Kind))
	switch f.Kind {
	case FilterAnd, FilterOr, FilterNot:
		for i := range f.Children {
			dst = appendFilter(dst, &f.Children[i])
		}
	case FilterSubstrings:
		dst = appendOctets(dst, tagOctetString, f.Attribute)
		var parts int
		dst, parts = begin(dst, tagSequence)
		dst = appendOptional(dst, tagInitial, f.Initial)
		for _, part := range f.Any {
			dst = appendOctets(dst, tagAny, part)
		}
		dst = appendOptional(dst, tagFinal, f.Final)
		dst = end(dst, parts)
	case FilterExtensibleMatch:
		dst = appendOptional(dst, tagMatchingRule, f.Rule)
		dst = appendOptional(dst, tagMatchType, f.Attribute)
		dst = appendOctets(dst, tagMatchValue, f.Value)
		if f.DNAttributes {
			dst = appendBoolean(dst, tagDNAttributes, true)
		}
	default:
		dst = appendOctets(dst, tagOctetString, f.Attribute)
		dst = appendOctets(dst, tagOctetString, f.Value)
	}
	return end(dst, mark)
}
