package authproxy

import "bytes"

// mechanismPlain is the one SASL mechanism served, over TLS (RFC 4616).
const mechanismPlain = "PLAIN"

// parsePlain reads the message of SASL PLAIN: [authzid] NUL authcid NUL passwd.
// Acting as somebody else is not offered: the authorization identity must be
// absent or say the same name, bare or as u:name.
func parsePlain(message []byte) (name, password []byte, ok bool) {
	parts := bytes.Split(message, []byte{0})
	if len(parts) != 3 || len(parts[1]) == 0 {
		return nil, nil, false
	}
	authzid := bytes.TrimPrefix(bytes.TrimPrefix(parts[0], []byte("u:")), []byte("dn:"))
	if len(authzid) > 0 && !bytes.Equal(authzid, parts[1]) {
		return nil, nil, false
	}
	return parts[1], parts[2], true
}
