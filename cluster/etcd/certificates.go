package etcd

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// clientTLS reads the files once, so that a wrong one is told at the start.
func clientTLS(caFile, certFile, keyFile string, logger *slog.Logger) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fmt.Errorf("etcd: read ca_file: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("etcd: ca_file %s holds no certificate in PEM", caFile)
		}
	}
	if certFile != "" {
		r := &renewed{certFile: certFile, keyFile: keyFile, logger: logger}
		if _, err := r.certificate(); err != nil {
			return nil, err
		}
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return r.certificate() }
	}
	return c, nil
}

// renewed is a certificate that may be replaced while the program runs.
type renewed struct {
	certFile, keyFile string
	logger            *slog.Logger

	mu      sync.Mutex // guards what follows
	cert    *tls.Certificate
	seen    [2]time.Time // of the files
	refused [2]time.Time // of files that were said to be of no use
}

// certificate reads the files where they changed. While they do not fit together, as in the middle of being replaced, the one before goes on.
func (r *renewed) certificate() (*tls.Certificate, error) {
	var now [2]time.Time
	for i, file := range []string{r.certFile, r.keyFile} {
		if info, err := os.Stat(file); err == nil {
			now[i] = info.ModTime()
		}
	}
	r.mu.Lock()
	cert, seen := r.cert, r.seen
	r.mu.Unlock()
	if cert != nil && now == seen {
		return cert, nil
	}
	read, err := tls.LoadX509KeyPair(r.certFile, r.keyFile)
	if err != nil {
		if cert != nil {
			r.mu.Lock()
			said := r.refused == now
			r.refused = now
			r.mu.Unlock()
			if !said {
				r.logger.Warn("the files of a certificate were changed and cannot be used: the one before stays in force", "use", "etcd", "error", err)
			}
			return cert, nil
		}
		return nil, fmt.Errorf("etcd: read cert_file and key_file: %w", err)
	}
	r.mu.Lock()
	r.cert, r.seen = &read, now
	r.mu.Unlock()
	return &read, nil
}
