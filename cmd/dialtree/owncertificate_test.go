package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A certificate that is replaced is taken over once its key is there, too, and one that cannot be used leaves the one before.
func TestCertificateReplaced(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	written := time.Now()
	put := func(file string, text []byte) {
		t.Helper()
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		written = written.Add(time.Second) // however coarse the file system's times are
		if err := os.Chtimes(file, written, written); err != nil {
			t.Fatal(err)
		}
	}
	certA, keyA := pairOf(t, 1)
	certB, keyB := pairOf(t, 2)
	put(cert, certA)
	put(key, keyA)
	o := &ownCertificate{use: "ldap", logger: slog.New(slog.DiscardHandler)}
	if err := o.read(cert, key); err != nil {
		t.Fatal(err)
	}
	look := func(step string, taken bool, serial int64, told bool) {
		t.Helper()
		if got := o.look(); got != taken {
			t.Errorf("%s: taken over is %t", step, got)
		}
		if got := o.shown.Load().Leaf.SerialNumber.Int64(); got != serial {
			t.Errorf("%s: %d is shown, want %d", step, got, serial)
		}
		if got := o.attention() != nil; got != told {
			t.Errorf("%s: that something is wrong is told: %t", step, got)
		}
	}
	look("nothing has changed", false, 1, false)
	put(cert, certB)
	look("the key is missing", false, 1, true)
	look("still", false, 1, true)
	put(key, keyB)
	look("both are there", true, 2, false)
	put(cert, []byte("half a fi"))
	look("half a file", false, 2, true)
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	look("gone", false, 2, true)
	put(cert, certB)
	look("back", true, 2, false)

	none := &ownCertificate{use: "admin", logger: slog.New(slog.DiscardHandler)}
	if err := none.read("", ""); err != nil || none.look() || none.attention() != nil || none.shown.Load() != nil {
		t.Errorf("without a certificate: %v", err)
	}
}

// pairOf is a certificate with its key, in PEM.
func pairOf(t *testing.T, serial int64) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}
