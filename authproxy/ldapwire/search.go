package ldapwire

import "math"

func (d *decoder) searchRequest(c cursor, r *SearchRequest) {
	r.BaseObject = c.octets(tagOctetString, "base object")
	r.Scope = Scope(c.integer(tagEnumerated, "scope", 0, int32(ScopeSubordinate)))
	r.DerefAliases = byte(c.integer(tagEnumerated, "alias dereferencing", 0, 3))
	r.SizeLimit = c.integer(tagInteger, "size limit", 0, math.MaxInt32)
	r.TimeLimit = c.integer(tagInteger, "time limit", 0, math.MaxInt32)
	r.TypesOnly = c.boolean(tagBoolean, "types only")
	d.filter(&c, &r.Filter, d.lim.FilterDepth)
	attributes := c.enter(tagSequence, "requested attributes")
	r.Attributes = attributes.list("requested attribute", d.lim.Attributes)
	c.rest()
}

func appendSearch(dst []byte, r *SearchRequest) []byte {
	dst = appendOctets(dst, tagOctetString, r.BaseObject)
	dst = appendInteger(dst, tagEnumerated, int32(r.Scope))
	dst = appendInteger(dst, tagEnumerated, int32(r.DerefAliases))
	dst = appendInteger(dst, tagInteger, r.SizeLimit)
	dst = appendInteger(dst, tagInteger, r.TimeLimit)
	dst = appendBoolean(dst, tagBoolean, r.TypesOnly)
	dst = appendFilter(dst, &r.Filter)
	return appendList(dst, tagSequence, r.Attributes)
}

// AppendSearchRequest appends a SearchRequest.
func AppendSearchRequest(dst []byte, id int32, r *SearchRequest, controls ...Control) []byte {
	dst, e := beginMessage(dst, id, OpSearchRequest)
	dst = appendSearch(dst, r)
	return endMessage(dst, e, controls)
}

func (d *decoder) reference(c cursor) {
	d.m.Reference = c.list("reference URI", unbounded)
}

func appendStrings(dst []byte, list [][]byte) []byte {
	for _, s := range list {
		dst = appendOctets(dst, tagOctetString, s)
	}
	return dst
}

// AppendSearchResultReference appends a SearchResultReference.
func AppendSearchResultReference(dst []byte, id int32, uris [][]byte, controls ...Control) []byte {
	dst, e := beginMessage(dst, id, OpSearchResultReference)
	dst = appendStrings(dst, uris)
	return endMessage(dst, e, controls)
}
