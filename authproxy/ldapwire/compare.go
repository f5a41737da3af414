package ldapwire

func (d *decoder) compareRequest(c cursor, r *CompareRequest) {
	r.Entry = c.octets(tagOctetString, "entry to compare")
	ava := c.enter(tagSequence, "assertion")
	r.Attribute = ava.octets(tagOctetString, "attribute to compare")
	r.Value = ava.octets(tagOctetString, "value to compare")
	ava.rest()
	c.rest()
}

func appendCompare(dst []byte, r *CompareRequest) []byte {
	dst = appendOctets(dst, tagOctetString, r.Entry)
	dst, mark := begin(dst, tagSequence)
	dst = appendOctets(dst, tagOctetString, r.Attribute)
	dst = appendOctets(dst, tagOctetString, r.Value)
	return end(dst, mark)
}

// AppendCompareRequest appends a CompareRequest.
func AppendCompareRequest(dst []byte, id int32, r *CompareRequest, controls ...Control) []byte {
	dst, e := beginMessage(dst, id, OpCompareRequest)
	return endMessage(appendCompare(dst, r), e, controls)
}
