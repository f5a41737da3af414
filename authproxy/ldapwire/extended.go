package ldapwire

const (
	tagRequestName       = 0x80
	tagRequestValue      = 0x81
	tagResponseName      = 0x8a
	tagResponseValue     = 0x8b
	tagIntermediateName  = 0x80
	tagIntermediateValue = 0x81
)

// oidNoticeOfDisconnection is RFC 4511, section 4.4.1.
const oidNoticeOfDisconnection = "1.3.6.1.4.1.1466.20036"

func (d *decoder) extendedRequest(c cursor, r *ExtendedRequest) {
	r.Name = c.octets(tagRequestName, "request name")
	if c.at(tagRequestValue) {
		r.Value = c.octets(tagRequestValue, "request value")
	}
	c.rest()
}

func (d *decoder) extendedResponse(c cursor) {
	d.result(&c, &d.m.Result)
	if c.at(tagResponseName) {
		d.m.ResponseName = c.octets(tagResponseName, "response name")
	}
	if c.at(tagResponseValue) {
		d.m.ResponseValue = c.octets(tagResponseValue, "response value")
	}
	c.rest()
}

func (d *decoder) intermediateResponse(c cursor) {
	if c.at(tagIntermediateName) {
		d.m.ResponseName = c.octets(tagIntermediateName, "response name")
	}
	if c.at(tagIntermediateValue) {
		d.m.ResponseValue = c.octets(tagIntermediateValue, "response value")
	}
	c.rest()
}

func appendExtended(dst []byte, r *ExtendedRequest) []byte {
	dst = appendOctets(dst, tagRequestName, r.Name)
	return appendOptional(dst, tagRequestValue, r.Value)
}

// appendNamed appends a response's name and value: "" and nil are left out.
func appendNamed(dst []byte, nameTag byte, name string, valueTag byte, value []byte) []byte {
	if name != "" {
		dst = appendOctets(dst, nameTag, name)
	}
	return appendOptional(dst, valueTag, value)
}

// AppendExtendedRequest appends an ExtendedRequest. A nil value is left out.
func AppendExtendedRequest(dst []byte, id int32, name string, value []byte, controls ...Control) []byte {
	dst, e := beginMessage(dst, id, OpExtendedRequest)
	dst = appendOctets(dst, tagRequestName, name)
	dst = appendOptional(dst, tagRequestValue, value)
	return endMessage(dst, e, controls)
}

// AppendExtendedResponse appends an ExtendedResponse. An empty name and a nil
// value are left out.
func AppendExtendedResponse(dst []byte, id int32, code ResultCode, message, name string, value []byte, controls ...Control) []byte {
	dst, e := beginMessage(dst, id, OpExtendedResponse)
	dst = appendPlainResult(dst, code, "", message)
	dst = appendNamed(dst, tagResponseName, name, tagResponseValue, value)
	return endMessage(dst, e, controls)
}

// AppendIntermediateResponse appends an IntermediateResponse. An empty name
// and a nil value are left out.
func AppendIntermediateResponse(dst []byte, id int32, name string, value []byte, controls ...Control) []byte {
	dst, e := beginMessage(dst, id, OpIntermediateResponse)
	dst = appendNamed(dst, tagIntermediateName, name, tagIntermediateValue, value)
	return endMessage(dst, e, controls)
}

// AppendNoticeOfDisconnection appends the unsolicited notification that goes
// before the server closes the connection (RFC 4511, section 4.4.1).
func AppendNoticeOfDisconnection(dst []byte, code ResultCode, message string) []byte {
	return AppendExtendedResponse(dst, 0, code, message, oidNoticeOfDisconnection, nil)
}
