package ldapwire

import "math"

const tagReferral = 0xa3

// result reads the components of an LDAPResult; more components may follow.
func (d *decoder) result(c *cursor, r *Result) {
	r.Code = ResultCode(c.integer(tagEnumerated, "result code", 0, math.MaxInt32))
	r.MatchedDN = c.octets(tagOctetString, "matched DN")
	r.Message = c.octets(tagOctetString, "diagnostic message")
	if c.at(tagReferral) {
		uris := c.enter(tagReferral, "referral")
		r.Referral = uris.list("referral URI", unbounded)
	}
}

func appendPlainResult(dst []byte, code ResultCode, matchedDN, message string) []byte {
	dst = appendInteger(dst, tagEnumerated, int32(code))
	dst = appendOctets(dst, tagOctetString, matchedDN)
	return appendOctets(dst, tagOctetString, message)
}

func appendResultBody(dst []byte, r *Result) []byte {
	dst = appendInteger(dst, tagEnumerated, int32(r.Code))
	dst = appendOctets(dst, tagOctetString, r.MatchedDN)
	dst = appendOctets(dst, tagOctetString, r.Message)
	if len(r.Referral) > 0 {
		dst = appendList(dst, tagReferral, r.Referral)
	}
	return dst
}

// AppendResult appends a response that is a plain LDAPResult: op is
// OpSearchResultDone or the response to a modification or a comparison.
func AppendResult(dst []byte, id int32, op Op, code ResultCode, matchedDN, message string, controls ...Control) []byte {
	dst, e := beginMessage(dst, id, op)
	dst = appendPlainResult(dst, code, matchedDN, message)
	return endMessage(dst, e, controls)
}
