package upstream

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// trust is what a server's certificate is checked against.
type trust struct {
	options TLSOptions
	pin     []byte // SHA-256 of the server's public key; nil: none

	mu    sync.Mutex // guards what follows: the CA file as it was read last
	roots *x509.CertPool
	mod   time.Time
	size  int64
}

func newTrust(o TLSOptions) (*trust, error) {
	t := &trust{options: o}
	if o.PinnedKey != "" {
		text, found := strings.CutPrefix(o.PinnedKey, "sha256/")
		pin, err := base64.StdEncoding.DecodeString(text)
		if !found || err != nil || len(pin) != sha256.Size {
			return nil, errors.New(`tls.pinned_key: want "sha256/" and the base64 form of the 32 bytes of a SHA-256`)
		}
		t.pin = pin
	}
	if _, err := t.authorities(); err != nil {
		return nil, err
	}
	return t, nil
}

// config is the client's side of a handshake with host.
func (t *trust) config(host string) (*tls.Config, error) {
	roots, err := t.authorities()
	if err != nil {
		return nil, err
	}
	c := &tls.Config{
		MinVersion: tls.VersionTLS12,
		ServerName: host,
		RootCAs:    roots,
		// A pinned key without authorities stands for them.
		InsecureSkipVerify: t.options.InsecureSkipVerify || t.pin != nil && roots == nil,
	}
	if t.options.ServerName != "" {
		c.ServerName = t.options.ServerName
	}
	if t.pin != nil {
		c.VerifyConnection = t.checkPin
	}
	return c, nil
}

// A pinError is a certificate with another key than the pinned one.
type pinError struct{ got string }

func (e *pinError) Error() string {
	return "the server's public key is not the pinned one: it is " + e.got
}

func (t *trust) checkPin(state tls.ConnectionState) error {
	sum := sha256.Sum256(state.PeerCertificates[0].RawSubjectPublicKeyInfo)
	if subtle.ConstantTimeCompare(sum[:], t.pin) != 1 {
		return &pinError{"sha256/" + base64.StdEncoding.EncodeToString(sum[:])}
	}
	return nil
}

// authorities reads the CA file again when it has changed; nil are the system's.
func (t *trust) authorities() (*x509.CertPool, error) {
	if t.options.CAFile == "" {
		return nil, nil
	}
	info, err := os.Stat(t.options.CAFile)
	if err != nil {
		return nil, fmt.Errorf("tls.ca_file: %w", err)
	}
	if roots := t.unchanged(info); roots != nil {
		return roots, nil
	}
	pem, err := os.ReadFile(t.options.CAFile)
	if err != nil {
		return nil, fmt.Errorf("tls.ca_file: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("tls.ca_file: %s holds no certificate in PEM form", t.options.CAFile)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.roots, t.mod, t.size = roots, info.ModTime(), info.Size()
	return roots, nil
}

func (t *trust) unchanged(info os.FileInfo) *x509.CertPool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if info.ModTime().Equal(t.mod) && info.Size() == t.size {
		return t.roots
	}
	return nil
}

// explainTLS says which check failed and what to do about it.
func explainTLS(err error) (hint string, what error) {
	var (
		pin       *pinError
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		header    tls.RecordHeaderError
		alert     *net.OpError
	)
	switch {
	case errors.As(err, &pin):
		return "if the server's key was replaced on purpose, set tls.pinned_key anew", err
	case errors.As(err, &authority):
		return "set tls.ca_file to the authority that signed it, or tls.pinned_key", fmt.Errorf("the certificate's authority is not trusted: %w", err)
	case errors.As(err, &name):
		return "use that name in the URL, or set tls.server_name", fmt.Errorf("the certificate is for another name: %w", err)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "renew the server's certificate", fmt.Errorf("the certificate has expired, or the clock here is wrong: %w", err)
	case errors.As(err, &invalid):
		return "replace the server's certificate", fmt.Errorf("the certificate is not valid: %w", err)
	case errors.As(err, &header):
		return "use ldap:// with tls.start_tls, or port 636 for ldaps://", fmt.Errorf("the server does not speak TLS on this port: %w", err)
	case errors.As(err, &alert) && alert.Op == "remote error": // crypto/tls's word for an alert
		return "TLS 1.2 is the least; the server's log says more", fmt.Errorf("the server ended the handshake: %w", err)
	case isTimeout(err):
		return "check that the port speaks TLS", fmt.Errorf("the handshake did not end in time: %w", err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "check that it has a certificate: a domain controller without one does this", fmt.Errorf("the server closed the connection during the handshake: %w", err)
	}
	return "", err
}
