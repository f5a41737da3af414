package cluster

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

const keyHeader = "# The key that seals what the nodes of this Dialtree share through etcd. Every node needs it, and nobody else."

// maxKeyFile bounds a key file in bytes.
const maxKeyFile = 4096

// A Key seals what goes to etcd, chains the changes, and hashes what the nodes tell each other of logins. No verb, logger or encoder prints it.
type Key struct{ secret [32]byte }

// Format writes "[key]" for every verb and flag.
func (Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[key]") }

// LogValue is what log/slog writes.
func (Key) LogValue() slog.Value { return slog.StringValue("[key]") }

// MarshalText is what encoders of text write.
func (Key) MarshalText() ([]byte, error) { return []byte("[key]"), nil }

func (k Key) isZero() bool { return k == Key{} }

// derive returns the key for one purpose: what is learned of one says nothing about another.
func (k Key) derive(purpose string) [32]byte {
	sub, err := hkdf.Key(sha256.New, k.secret[:], nil, "dialtree cluster: "+purpose, 32)
	if err != nil {
		panic(err) // only a length that SHA-256 cannot give
	}
	return [32]byte(sub)
}

// ReadKey reads a key file, which nobody but its owner may read.
func ReadKey(path string) (Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return Key{}, fmt.Errorf("read the cluster's key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Key{}, fmt.Errorf("read the cluster's key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return Key{}, fmt.Errorf("the cluster's key %s can be read by others (mode %04o): run chmod 600 %[1]s", path, info.Mode().Perm())
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return Key{}, fmt.Errorf("read the cluster's key: %w", err)
	}
	k, err := parseKey(string(text))
	if err != nil {
		return Key{}, fmt.Errorf("the file %s %w", path, err)
	}
	return k, nil
}

// parseKey reads a header line, which may be missing, and 44 characters of base64. Its error holds nothing of the text.
func parseKey(text string) (Key, error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "#") {
		_, text, _ = strings.Cut(text, "\n")
	}
	secret, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(text))
	if err != nil || len(secret) != 32 {
		return Key{}, errors.New("does not hold a cluster's key: it is a header line and 44 characters of base64; copy the file from another node")
	}
	return Key{[32]byte(secret)}, nil
}

func (k Key) fileText() string {
	return keyHeader + "\n" + base64.StdEncoding.EncodeToString(k.secret[:]) + "\n"
}

// MakeKey makes a key and its file, which must not exist.
func MakeKey(path string) (Key, error) {
	var k Key
	rand.Read(k.secret[:]) // never fails, says crypto/rand
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return Key{}, fmt.Errorf("make the cluster's key: %w", err)
	}
	_, err = io.WriteString(f, k.fileText())
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return Key{}, fmt.Errorf("make the cluster's key: %w", errors.Join(err, os.Remove(path)))
	}
	d, err := os.Open(filepath.Dir(path)) // the name is in the directory, which must last, too
	if err != nil {
		return Key{}, fmt.Errorf("make the cluster's key: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return Key{}, fmt.Errorf("make the cluster's key: %w", err)
	}
	return k, nil
}

// errSeal means that something does not open: another key, another place, or damage.
var errSeal = errors.New("does not open with this key")

// A sealer seals with AES-256-GCM and random nonces, which 2^32 pieces under one key may have (NIST SP 800-38D, 8.3): at ten changes a second that is
// thirteen years. What strangers can have sealed, by failed logins without a pause, takes ten nodes half a year and has a key of its own, so that it uses up nothing of the content's.
// What is sealed is bound to its cluster and its place, so that it opens nowhere else.
type sealer struct {
	aead    cipher.AEAD
	cluster string
}

// What a sealer is for.
const (
	sealContent = "seal" // and what nodes tell of runs
	sealCaution = "seal caution"
)

func newSealer(k Key, purpose, cluster string) *sealer {
	sub := k.derive(purpose)
	block, err := aes.NewCipher(sub[:])
	if err != nil {
		panic(err) // only a key of another length
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // only a cipher of another block size
	}
	return &sealer{aead: aead, cluster: cluster}
}

// sealOverhead is what a nonce and a tag take.
const sealOverhead = 12 + 16

func (s *sealer) place(name string) []byte { return []byte(s.cluster + "\x00" + name) }

// seal appends a sealed text to dst.
func (s *sealer) seal(dst []byte, name string, plain []byte) []byte {
	return s.aead.Seal(dst, nil, plain, s.place(name))
}

func (s *sealer) open(name string, sealed []byte) ([]byte, error) {
	plain, err := s.aead.Open(nil, nil, sealed, s.place(name))
	if err != nil {
		return nil, fmt.Errorf("%s %w", name, errSeal)
	}
	return plain, nil
}
