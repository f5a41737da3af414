package ldapwire

// appendNumber appends the content of an INTEGER without its header, for
// AbandonRequest is an INTEGER whose identifier is its own.
func appendNumber(dst []byte, v int32) []byte {
	start := len(dst)
	dst = appendInteger(dst, tagInteger, v)
	return append(dst[:start], dst[start+2:]...)
}

// AppendAbandonRequest appends an AbandonRequest for the request with the ID
// target.
func AppendAbandonRequest(dst []byte, id, target int32, controls ...Control) []byte {
	dst, e := beginMessage(dst, id, OpAbandonRequest)
	return endMessage(appendNumber(dst, target), e, controls)
}
