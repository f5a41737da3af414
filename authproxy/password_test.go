package authproxy

import (
	"context"
	"strings"
	"testing"
	"time"
)

func TestPasswordHashes(t *testing.T) {
	h := NewHasher()
	ctx := context.Background()
	hash, err := h.Hash(ctx, []byte("correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := h.Hash(ctx, []byte("correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	if hash == other {
		t.Error("two hashes of one password are the same: the salt is not random")
	}
	for _, tt := range []struct {
		password string
		want     bool
	}{{"correct horse", true}, {"correct horse ", false}, {"Correct horse", false}, {"", false}} {
		if got, err := h.Verify(ctx, hash, []byte(tt.password)); err != nil || got != tt.want {
			t.Errorf("%q: %t, %v", tt.password, got, err)
		}
	}
}

// A hash comes from the store, a backup or an import: it must not be able to
// make the server spend a gigabyte or an hour.
func TestAHashBeyondBoundsIsRefused(t *testing.T) {
	h := NewHasher()
	good, err := h.Hash(context.Background(), []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	params := "m=19456,t=2,p=1"
	if !strings.Contains(good, params) {
		t.Fatalf("%s does not hold %s", good, params)
	}
	for _, tt := range []struct{ name, hash string }{
		{"memory", strings.Replace(good, params, "m=4194304,t=2,p=1", 1)},
		{"time", strings.Replace(good, params, "m=19456,t=100000,p=1", 1)},
		{"threads", strings.Replace(good, params, "m=19456,t=2,p=255", 1)},
		{"zero time", strings.Replace(good, params, "m=19456,t=0,p=1", 1)},
		{"other algorithm", strings.Replace(good, "argon2id", "argon2i", 1)},
		{"other version", strings.Replace(good, "v=19", "v=16", 1)},
		{"cut off", good[:len(good)-30]},
		{"not base64", good[:len(good)-1] + "!"},
		{"star", "*"},
		{"empty", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			begin := time.Now()
			if ok, err := h.Verify(context.Background(), tt.hash, []byte("x")); ok || err == nil {
				t.Errorf("verified %t, error %v", ok, err)
			}
			if d := time.Since(begin); d > time.Second {
				t.Errorf("refusing it took %v", d)
			}
		})
	}
}

func TestTheHasherIsBounded(t *testing.T) {
	h := NewHasher()
	for range cap(h.slots) {
		h.slots <- struct{}{}
	}
	ctx, cancel := context.WithCancel(context.Background())
	results := make(chan error, cap(h.queue))
	for range cap(h.queue) {
		go func() { results <- h.Spend(ctx, nil) }()
	}
	for len(h.queue) < cap(h.queue) {
		time.Sleep(time.Millisecond)
	}
	if err := h.Spend(ctx, nil); err != errPasswordQueue {
		t.Errorf("one more than may wait: %v", err)
	}
	cancel()
	for range cap(h.queue) {
		if err := <-results; err != context.Canceled {
			t.Errorf("a waiting one: %v", err)
		}
	}
}

func TestNewPasswords(t *testing.T) {
	for _, tt := range []struct {
		name, password string
		ok             bool
	}{
		{"short", "1234567", false},
		{"shortest", "12345678", true},
		{"64 and more", strings.Repeat("long ", 100), true},
		{"too long", strings.Repeat("x", 1025), false},
		{"NUL", "12345678\x00", false},
		{"any other byte", " \t\xff umlaut ü", true},
	} {
		if err := CheckNewPassword(tt.password); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestPlain(t *testing.T) {
	for _, tt := range []struct {
		name, in       string
		user, password string
		ok             bool
	}{
		{"usual", "\x00alice\x00secret", "alice", "secret", true},
		{"as oneself", "alice\x00alice\x00secret", "alice", "secret", true},
		{"as oneself, u:", "u:alice\x00alice\x00secret", "alice", "secret", true},
		{"empty password", "\x00alice\x00", "alice", "", true},
		{"as somebody else", "bob\x00alice\x00secret", "", "", false},
		{"no name", "\x00\x00secret", "", "", false},
		{"one NUL", "alice\x00secret", "", "", false},
		{"NUL in the password", "\x00alice\x00sec\x00ret", "", "", false},
		{"empty", "", "", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			name, password, ok := parsePlain([]byte(tt.in))
			if string(name) != tt.user || string(password) != tt.password || ok != tt.ok {
				t.Errorf("got %q %q %t", name, password, ok)
			}
		})
	}
}

// Whatever a stored hash says, what it asks for is within bounds.
func FuzzParsePHC(f *testing.F) {
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=4294967295,t=4294967295,p=256$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=8,t=1,p=1$$")
	f.Fuzz(func(t *testing.T, hash string) {
		p, err := parsePHC(hash)
		if err != nil {
			return
		}
		if p.memory > maxArgonMemory || p.memory < 8 || p.time > maxArgonTime || p.time < 1 || p.threads > maxArgonThreads || p.threads < 1 {
			t.Errorf("%q asks for %d KiB, %d passes, %d threads", hash, p.memory, p.time, p.threads)
		}
		if len(p.key) < 16 || len(p.salt) < 8 {
			t.Errorf("%q has a key of %d and a salt of %d bytes", hash, len(p.key), len(p.salt))
		}
	})
}
