package ldapwire

import "math"

const (
	tagAuthSimple      = 0x80
	tagAuthSASL        = 0xa3
	tagServerSASLCreds = 0x87
)

func (d *decoder) bindRequest(c cursor, r *BindRequest) {
	// A version that is not served is the server's to answer, with a sentence.
	r.Version = c.integer(tagInteger, "bind version", math.MinInt32, math.MaxInt32)
	r.Name = c.octets(tagOctetString, "bind name")
	start := c.pos
	choice, auth := c.element("bind authentication")
	switch {
	case d.err.What != "":
	case choice == tagAuthSimple:
		r.Password = auth.bytes()
	case choice == tagAuthSASL:
		r.SASL = true
		r.Mechanism = auth.octets(tagOctetString, "SASL mechanism")
		if auth.at(tagOctetString) {
			r.Credentials = auth.octets(tagOctetString, "SASL credentials")
		}
		auth.rest()
	case choice&0xc0 == 0x80:
		r.SASL, r.Choice = true, choice
		r.Mechanism, r.Credentials = []byte{}, auth.bytes()
	default:
		c.fail(start, "bind authentication", "identifier "+hexOctet(choice)+" is no choice")
	}
	// An A0 00 of older go-ldap ends up here.
	c.rest()
}

func (d *decoder) bindResponse(c cursor) {
	d.result(&c, &d.m.Result)
	if c.at(tagServerSASLCreds) {
		d.m.ServerSASLCreds = c.octets(tagServerSASLCreds, "server SASL credentials")
	}
	c.rest()
}

func appendBind(dst []byte, r *BindRequest) []byte {
	dst = appendInteger(dst, tagInteger, r.Version)
	dst = appendOctets(dst, tagOctetString, r.Name)
	switch {
	case r.Choice != 0:
		return appendOctets(dst, r.Choice, r.Credentials)
	case r.SASL:
		return appendSASL(dst, r.Mechanism, r.Credentials)
	}
	return appendOctets(dst, tagAuthSimple, r.Password)
}

func appendSASL[S string | []byte](dst []byte, mechanism S, credentials []byte) []byte {
	dst, mark := begin(dst, tagAuthSASL)
	dst = appendOctets(dst, tagOctetString, mechanism)
	dst = appendOptional(dst, tagOctetString, credentials)
	return end(dst, mark)
}

// AppendBindRequest appends a BindRequest with simple authentication.
func AppendBindRequest(dst []byte, id, version int32, dn string, password []byte, controls ...Control) []byte {
	dst, e := beginMessage(dst, id, OpBindRequest)
	dst = appendInteger(dst, tagInteger, version)
	dst = appendOctets(dst, tagOctetString, dn)
	dst = appendOctets(dst, tagAuthSimple, password)
	return endMessage(dst, e, controls)
}

// AppendSASLBindRequest appends a BindRequest of version 3 with SASL
// authentication. nil credentials are left out.
func AppendSASLBindRequest(dst []byte, id int32, dn, mechanism string, credentials []byte, controls ...Control) []byte {
	dst, e := beginMessage(dst, id, OpBindRequest)
	dst = appendInteger(dst, tagInteger, 3)
	dst = appendOctets(dst, tagOctetString, dn)
	dst = appendSASL(dst, mechanism, credentials)
	return endMessage(dst, e, controls)
}

// AppendBindResponse appends a BindResponse. nil serverSASLCreds are left out.
func AppendBindResponse(dst []byte, id int32, code ResultCode, message string, serverSASLCreds []byte, controls ...Control) []byte {
	dst, e := beginMessage(dst, id, OpBindResponse)
	dst = appendPlainResult(dst, code, "", message)
	dst = appendOptional(dst, tagServerSASLCreds, serverSASLCreds)
	return endMessage(dst, e, controls)
}

// AppendUnbindRequest appends an UnbindRequest.
func AppendUnbindRequest(dst []byte, id int32, controls ...Control) []byte {
	dst, e := beginMessage(dst, id, OpUnbindRequest)
	return endMessage(dst, e, controls)
}
