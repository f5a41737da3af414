package ldapwire

// The operations that change entries: modify, add, delete and modify DN.

const tagNewSuperior = 0x80

func (d *decoder) modifyRequest(c cursor, r *ModifyRequest) {
	r.Object = c.octets(tagOctetString, "object to modify")
	list := c.enter(tagSequence, "changes")
	r.Changes = d.m.arenas.changes.take(list.count("change", unbounded))
	for i := range r.Changes {
		s := list.enter(tagSequence, "change")
		r.Changes[i].Operation = byte(s.integer(tagEnumerated, "operation of a change", 0, 3))
		d.attribute(&s, &r.Changes[i].Attribute)
		s.rest()
	}
	c.rest()
}

func (d *decoder) addRequest(c cursor, r *AddRequest) {
	r.Entry = c.octets(tagOctetString, "entry to add")
	r.Attributes = d.attributes(c.enter(tagSequence, "attributes to add"))
	c.rest()
}

func (d *decoder) modifyDNRequest(c cursor, r *ModifyDNRequest) {
	r.Entry = c.octets(tagOctetString, "entry to rename")
	r.NewRDN = c.octets(tagOctetString, "new RDN")
	r.DeleteOldRDN = c.boolean(tagBoolean, "deleteoldrdn")
	if c.at(tagNewSuperior) {
		r.NewSuperior = c.octets(tagNewSuperior, "new superior")
	}
	c.rest()
}

func appendModify(dst []byte, r *ModifyRequest) []byte {
	dst = appendOctets(dst, tagOctetString, r.Object)
	dst, list := begin(dst, tagSequence)
	for i := range r.Changes {
		var mark int
		dst, mark = begin(dst, tagSequence)
		dst = appendInteger(dst, tagEnumerated, int32(r.Changes[i].Operation))
		dst = appendAttribute(dst, &r.Changes[i].Attribute)
		dst = end(dst, mark)
	}
	return end(dst, list)
}

func appendAdd(dst []byte, r *AddRequest) []byte {
	dst = appendOctets(dst, tagOctetString, r.Entry)
	return appendAttributes(dst, r.Attributes)
}

func appendModifyDN(dst []byte, r *ModifyDNRequest) []byte {
	dst = appendOctets(dst, tagOctetString, r.Entry)
	dst = appendOctets(dst, tagOctetString, r.NewRDN)
	dst = appendBoolean(dst, tagBoolean, r.DeleteOldRDN)
	return appendOptional(dst, tagNewSuperior, r.NewSuperior)
}

// AppendModifyRequest appends a ModifyRequest.
func AppendModifyRequest(dst []byte, id int32, r *ModifyRequest, controls ...Control) []byte {
	dst, e := beginMessage(dst, id, OpModifyRequest)
	return endMessage(appendModify(dst, r), e, controls)
}

// AppendAddRequest appends an AddRequest.
func AppendAddRequest(dst []byte, id int32, r *AddRequest, controls ...Control) []byte {
	dst, e := beginMessage(dst, id, OpAddRequest)
	return endMessage(appendAdd(dst, r), e, controls)
}

// AppendDelRequest appends a DelRequest.
func AppendDelRequest(dst []byte, id int32, dn string, controls ...Control) []byte {
	dst, e := beginMessage(dst, id, OpDelRequest)
	return endMessage(append(dst, dn...), e, controls)
}

// AppendModifyDNRequest appends a ModifyDNRequest.
func AppendModifyDNRequest(dst []byte, id int32, r *ModifyDNRequest, controls ...Control) []byte {
	dst, e := beginMessage(dst, id, OpModifyDNRequest)
	return endMessage(appendModifyDN(dst, r), e, controls)
}
