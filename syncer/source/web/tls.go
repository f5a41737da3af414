package web

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/dialtree/dialtree/peertrust"
	"github.com/dialtree/dialtree/syncer/source"
)

// TLS says how the server's certificate is checked.
type TLS struct {
	CAFile             string // PEM; empty: the system's authorities
	ServerName         string // empty: the URL's host
	PinnedKey          string // "sha256/" and the base64 SHA-256 of the server's public key
	InsecureSkipVerify bool
}

// config reads the file of authorities anew each time: it may have been replaced.
func (t *TLS) config(host string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host, InsecureSkipVerify: t.InsecureSkipVerify}
	if t.ServerName != "" {
		c.ServerName = t.ServerName
	}
	if t.CAFile != "" {
		var err error
		if c.RootCAs, err = peertrust.ReadAuthorities(t.CAFile); err != nil {
			return nil, err
		}
	}
	if t.PinnedKey != "" {
		pin, err := peertrust.ParsePin(t.PinnedKey)
		if err != nil {
			return nil, err
		}
		// A pinned key without authorities stands for them.
		c.InsecureSkipVerify = c.RootCAs == nil
		c.VerifyConnection = pin.Check
	}
	return c, nil
}

// explainTLS says which check failed and what to do about it.
func explainTLS(host string, err error) error {
	var (
		pin       *peertrust.PinError
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		header    tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &pin):
		return fmt.Errorf("%w: if the key was replaced on purpose, set tls.pinned_key anew", pin)
	case errors.As(err, &authority):
		return fmt.Errorf("the certificate of %s is not signed by a known authority: set tls.ca_file to the one that signed it", host)
	case errors.As(err, &name):
		return fmt.Errorf("the certificate is for another name: %w: use that name in url, or set tls.server_name", err)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("the certificate of %s has expired, or the clock here is wrong", host)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), isReset(err):
		return source.Temporary(errors.New("the server ended the connection during the TLS handshake: try again later"))
	case errors.As(err, &header):
		return fmt.Errorf("%s does not speak TLS on this port: check url", host)
	}
	return fmt.Errorf("the TLS handshake with %s failed: %w", host, err)
}

// isReset tells whether the other side is gone.
func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed)
}
