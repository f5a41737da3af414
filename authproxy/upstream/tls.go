package upstream

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/dialtree/dialtree/peertrust"
)

// trust is what a server's certificate is checked against.
type trust struct {
	options TLSOptions
	pin     *peertrust.Pin // nil: none

	mu    sync.Mutex // guards what follows: the CA file as it was read last
	roots *x509.CertPool
	mod   time.Time
	size  int64
}

func newTrust(o TLSOptions) (*trust, error) {
	t := &trust{options: o}
	if o.PinnedKey != "" {
		pin, err := peertrust.ParsePin(o.PinnedKey)
		if err != nil {
			return nil, err
		}
		t.pin = &pin
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
		c.VerifyConnection = t.pin.Check
	}
	return c, nil
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
	roots, err := peertrust.ReadAuthorities(t.options.CAFile)
	if err != nil {
		return nil, err
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
		pin       *peertrust.PinError
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
