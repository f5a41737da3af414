package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dialtree/dialtree/admin"
)

// certificateEvery is how often the server looks whether the files of its certificates were replaced. Whoever
// renews them need not know that somebody must be told.
const certificateEvery = 5 * time.Second

// An ownCertificate is what the server shows on one of its doors. Its methods may be called concurrently.
type ownCertificate struct {
	use    string // ldap or admin
	logger *slog.Logger
	shown  atomic.Pointer[tls.Certificate] // nil: none

	mu                sync.Mutex // guards what follows; held while the files are read
	certFile, keyFile string     // empty: none
	seen              [2]fileState
	refused           error // why what the files hold now is not shown
}

// A fileState tells a file that was replaced from the one before.
type fileState struct {
	modified time.Time
	size     int64
}

// read takes over the certificate of two files; an error leaves the one before. No files leave it, too: nobody turns TLS off
// while clients are connected.
func (o *ownCertificate) read(certFile, keyFile string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	state := stateOf(certFile, keyFile) // before reading: what is written meanwhile is seen the next time
	pair, err := loadCertificate(certFile, keyFile)
	if err != nil || pair == nil {
		return err
	}
	o.certFile, o.keyFile, o.seen, o.refused = certFile, keyFile, state, nil
	o.shown.Store(pair)
	return nil
}

// look takes over files that were replaced, and tells whether it did. A certificate whose key is not there yet waits for it.
func (o *ownCertificate) look() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	state := stateOf(o.certFile, o.keyFile)
	if o.certFile == "" || state == o.seen {
		return false
	}
	o.seen = state
	var pair *tls.Certificate
	if pair, o.refused = loadCertificate(o.certFile, o.keyFile); o.refused != nil {
		o.logger.Warn("the files of a certificate were changed and cannot be used: the one before stays in force", "use", o.use, "error", o.refused)
		return false
	}
	o.shown.Store(pair)
	o.logger.Info("certificate was replaced", "use", o.use, "file", o.certFile, "expires", pair.Leaf.NotAfter)
	return true
}

// attention says that the files hold something else than is shown; nil where they do not.
func (o *ownCertificate) attention() *admin.Attention {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.refused == nil {
		return nil
	}
	return &admin.Attention{Severity: "critical", Code: "certificate_not_taken_over", Subject: o.certFile,
		Text: fmt.Sprintf("The certificate of %s was changed and cannot be used: %v. The one before is shown until %s: put a certificate and its own key in place.",
			o.use, o.refused, o.shown.Load().Leaf.NotAfter.Format(time.DateOnly))}
}

func stateOf(files ...string) (states [2]fileState) {
	for i, file := range files {
		if info, err := os.Stat(file); err == nil {
			states[i] = fileState{info.ModTime(), info.Size()}
		}
	}
	return states
}

// keepCertificates takes over certificates that are replaced, until ctx ends.
func (n *node) keepCertificates(ctx context.Context) {
	t := time.NewTicker(certificateEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			if n.ldapCertificate.look() {
				n.ldap.SetCertificate(n.ldapCertificate.shown.Load())
			}
			n.adminCertificate.look()
		}
	}
}
