package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"strings"
)

// newSecret returns 160 random bits as lower-case letters and the digits 2 to 7. A secret as long as this needs no slow hash:
// nobody tries 2^160 of them.
func newSecret() string {
	random := make([]byte, 20)
	rand.Read(random) // never fails, says crypto/rand
	return lower32(random)
}

func lower32(b []byte) string {
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}

func digest(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

func sameDigest(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

// tokenPrefix lets programs that look for secrets in files find a token.
const tokenPrefix = "dialtree_"

// NewToken makes the text of a token, which is shown once, and the hash that is kept.
func NewToken(name string) (token, hash string) {
	secret := newSecret()
	return tokenPrefix + name + "_" + secret, hex.EncodeToString(digest(secret))
}

// splitToken splits a token at its last underscore: names hold them too.
func splitToken(token string) (name, secret string, ok bool) {
	rest, ok := strings.CutPrefix(token, tokenPrefix)
	i := strings.LastIndexByte(rest, '_')
	if !ok || i < 1 {
		return "", "", false
	}
	return rest[:i], rest[i+1:], true
}
