// Package peertrust checks the certificates of servers beyond what crypto/tls does by itself: against a pinned
// key, and against authorities of a file. What to do about a refusal is for its users to say.
package peertrust

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxCAFile is room for every authority there is.
const maxCAFile = 4 << 20

const pinPrefix = "sha256/"

// A Pin is the SHA-256 of a server's public key (SubjectPublicKeyInfo).
type Pin [sha256.Size]byte

// ParsePin reads a pin: "sha256/" and its base64.
func ParsePin(text string) (Pin, error) {
	digits, found := strings.CutPrefix(text, pinPrefix)
	sum, err := base64.StdEncoding.DecodeString(digits)
	if !found || err != nil || len(sum) != sha256.Size {
		return Pin{}, errors.New(`tls.pinned_key: want "sha256/" and the base64 form of the 32 bytes of a SHA-256`)
	}
	return Pin(sum), nil
}

// PinOf returns the pin of a certificate's key.
func PinOf(c *x509.Certificate) Pin { return sha256.Sum256(c.RawSubjectPublicKeyInfo) }

// String writes the pin as ParsePin reads it.
func (p Pin) String() string { return pinPrefix + base64.StdEncoding.EncodeToString(p[:]) }

// A PinError is a certificate with another key than the pinned one.
type PinError struct{ Got Pin }

func (e *PinError) Error() string {
	return "the server's public key is not the pinned one: it is " + e.Got.String()
}

// Check is a tls.Config's VerifyConnection. Its error is a *PinError.
func (p Pin) Check(state tls.ConnectionState) error {
	got := PinOf(state.PeerCertificates[0])
	if subtle.ConstantTimeCompare(got[:], p[:]) != 1 {
		return &PinError{got}
	}
	return nil
}

// ReadAuthorities reads a file of certificates in PEM form. Its errors begin with tls.ca_file.
func ReadAuthorities(path string) (*x509.CertPool, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("tls.ca_file: %w", err)
	}
	defer f.Close()
	pem, err := io.ReadAll(io.LimitReader(f, maxCAFile))
	if err != nil {
		return nil, fmt.Errorf("tls.ca_file: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("tls.ca_file: %s holds no certificate in PEM form", path)
	}
	return roots, nil
}
