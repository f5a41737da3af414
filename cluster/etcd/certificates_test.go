package etcd

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Files that cannot be used are told of once, before the certificate that stays in force is over.
func TestACertificateThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	var text bytes.Buffer
	r := &renewed{certFile: filepath.Join(dir, "cert.pem"), keyFile: filepath.Join(dir, "key.pem"), logger: slog.New(slog.NewTextHandler(&text, nil))}
	changed := time.Now()
	write := func(file, kind string, content []byte) {
		t.Helper()
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
			t.Fatal(err)
		}
		changed = changed.Add(time.Second)
		if err := os.Chtimes(file, changed, changed); err != nil {
			t.Fatal(err)
		}
	}
	issue := func(serial int64) {
		t.Helper()
		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(serial)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
		if err != nil {
			t.Fatal(err)
		}
		key, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		write(r.certFile, "CERTIFICATE", der)
		write(r.keyFile, "PRIVATE KEY", key)
	}
	shows := func(serial, lines int64) {
		t.Helper()
		for range 3 {
			if c, err := r.certificate(); err != nil || c.Leaf.SerialNumber.Int64() != serial {
				t.Fatalf("want certificate %d, got %v", serial, err)
			}
		}
		if got := strings.Count(text.String(), "stays in force"); int64(got) != lines {
			t.Errorf("want %d lines:\n%s", lines, text.String())
		}
	}
	issue(1)
	shows(1, 0)
	write(r.keyFile, "PRIVATE KEY", []byte("of another certificate"))
	shows(1, 1)
	write(r.keyFile, "PRIVATE KEY", []byte("of yet another"))
	shows(1, 2)
	issue(2)
	shows(2, 2)
}
