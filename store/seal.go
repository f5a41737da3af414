package store

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

const keyHeader = "# The key that seals the secrets of this Dialtree. Keep it as safe as they are; without it they are lost."

// A sealer seals literals with AES-256-GCM. The nonces are random: with 96 bits and a few thousand secrets over the life of a key they
// do not meet. What is sealed is bound to its place, so that it opens nowhere else.
type sealer struct {
	aead cipher.AEAD
	text string // the key file's content
}

func newSealer(fileText string) (*sealer, error) {
	text := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(fileText), keyHeader))
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) != 32 {
		return nil, errors.New("does not hold a key: it is a header line and 44 characters of base64; put the right file back (a backup holds it)")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &sealer{aead: aead, text: keyHeader + "\n" + text + "\n"}, nil
}

func (s *sealer) seal(place []byte, plain string) []byte {
	return s.aead.Seal(nil, nil, []byte(plain), place)
}

func (s *sealer) open(place, sealed []byte) (string, error) {
	plain, err := s.aead.Open(nil, nil, sealed, place)
	if err != nil {
		return "", fmt.Errorf("the sealed secret %s does not open", place)
	}
	return string(plain), nil
}

// readKey reads the key file; nil without an error when there is none.
func readKey(path string) (*sealer, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &KeyFileError{Path: path, Message: fmt.Sprintf("cannot be read (%v): it must belong to the user that runs dialtree", errors.Unwrap(err))}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, &KeyFileError{Path: path, Message: fmt.Sprintf("can be read by others (mode %04o): run chmod 600 %s", info.Mode().Perm(), path)}
	}
	text, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return nil, err
	}
	s, err := newSealer(string(text))
	if err != nil {
		return nil, &KeyFileError{Path: path, Message: err.Error()}
	}
	return s, nil
}

// createKey makes a key and its file, which must not exist.
func createKey(path string) (*sealer, error) {
	var key [32]byte
	rand.Read(key[:]) // never fails, says crypto/rand
	s, err := newSealer(base64.StdEncoding.EncodeToString(key[:]))
	if err != nil {
		return nil, err
	}
	if err := writeFile(path, 0o600, func(w io.Writer) error {
		_, err := io.Copy(w, bytes.NewReader([]byte(s.text)))
		return err
	}); err != nil {
		return nil, fmt.Errorf("create key file: %w", err)
	}
	return s, nil
}
