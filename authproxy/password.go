package authproxy

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Internal passwords are kept as argon2id hashes in PHC string form. The
// parameters are OWASP's first choice for a server: 19 MiB, two passes.
const (
	argonMemory  = 19 * 1024 // KiB
	argonTime    = 2
	argonThreads = 1
	argonSalt    = 16
	argonKey     = 32

	// A stored hash may ask for no more than this: a hash is data, and must not be
	// able to hold the server up.
	maxArgonMemory  = 128 * 1024 // KiB
	maxArgonTime    = 10
	maxArgonThreads = 4

	// Internal passwords are as long as this, in bytes.
	minPassword = 8
	maxPassword = 1024
)

var (
	errPasswordQueue = errors.New("too many passwords are being verified")
	errHashFormat    = errors.New("the stored password hash is not an argon2id hash within bounds")
)

// A Hasher makes and verifies password hashes. It bounds how many are worked on
// at once, each with 19 MiB and a processor for some 20 ms, and how many wait.
type Hasher struct {
	slots chan struct{}
	queue chan struct{}
	dummy string // a hash of nothing anybody knows, to spend the same time on
}

// NewHasher returns a Hasher that works on as many passwords as there are
// processors, while up to 256 wait.
func NewHasher() *Hasher {
	h := &Hasher{
		slots: make(chan struct{}, runtime.GOMAXPROCS(0)),
		queue: make(chan struct{}, 256),
	}
	h.dummy = phc(make([]byte, argonSalt), make([]byte, argonKey))
	return h
}

// CheckNewPassword says what is wrong with a password that somebody chose. The
// password is taken exactly as it is; its length is all that is asked of it.
func CheckNewPassword(password string) error {
	switch {
	case len(password) < minPassword:
		return fmt.Errorf("the password is too short: it needs at least %d bytes", minPassword)
	case len(password) > maxPassword:
		return fmt.Errorf("the password is too long: it may have at most %d bytes", maxPassword)
	case strings.ContainsRune(password, 0):
		return errors.New("the password holds a NUL byte, which phones and directories cut off")
	}
	return nil
}

// Hash returns the argon2id hash of a password in PHC string form.
func (h *Hasher) Hash(ctx context.Context, password []byte) (string, error) {
	if err := h.acquire(ctx); err != nil {
		return "", err
	}
	defer h.release()
	salt := make([]byte, argonSalt)
	rand.Read(salt)
	return phc(salt, argon2.IDKey(password, salt, argonTime, argonMemory, argonThreads, argonKey)), nil
}

// Verify tells whether the password has the hash. Its errors mean that this
// could not be found out.
func (h *Hasher) Verify(ctx context.Context, hash string, password []byte) (bool, error) {
	p, err := parsePHC(hash)
	if err != nil {
		return false, err
	}
	if err := h.acquire(ctx); err != nil {
		return false, err
	}
	defer h.release()
	key := argon2.IDKey(password, p.salt, p.time, p.memory, p.threads, uint32(len(p.key)))
	return subtle.ConstantTimeCompare(key, p.key) == 1, nil
}

// Spend takes as long as a Verify.
func (h *Hasher) Spend(ctx context.Context, password []byte) error {
	_, err := h.Verify(ctx, h.dummy, password)
	return err
}

func (h *Hasher) acquire(ctx context.Context) error {
	select {
	case h.queue <- struct{}{}:
	default:
		return errPasswordQueue
	}
	defer func() { <-h.queue }()
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *Hasher) release() { <-h.slots }

func phc(salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		argonMemory, argonTime, argonThreads, b64.EncodeToString(salt), b64.EncodeToString(key))
}

type argonParams struct {
	memory, time uint32
	threads      uint8
	salt, key    []byte
}

func parsePHC(hash string) (argonParams, error) {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return argonParams{}, errHashFormat
	}
	var p argonParams
	var threads uint32
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.time, &threads); n != 3 || err != nil {
		return argonParams{}, errHashFormat
	}
	if p.memory < 8 || p.memory > maxArgonMemory || p.time < 1 || p.time > maxArgonTime || threads < 1 || threads > maxArgonThreads {
		return argonParams{}, errHashFormat
	}
	p.threads = uint8(threads)
	var err error
	if p.salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil || len(p.salt) < 8 || len(p.salt) > 64 {
		return argonParams{}, errHashFormat
	}
	if p.key, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil || len(p.key) < 16 || len(p.key) > 64 {
		return argonParams{}, errHashFormat
	}
	return p, nil
}
