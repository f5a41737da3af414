package store

import (
	"encoding/hex"
	"fmt"
	"slices"
	"time"
)

// A Token lets a program in. Its secret was shown once, when it was made.
type Token struct {
	Name    string   `yaml:"name" json:"name"`
	Title   string   `yaml:"title,omitempty" json:"title,omitempty"`
	Scopes  []string `yaml:"scopes" json:"scopes" example:"[read]"`
	Expires string   `yaml:"expires" json:"expires" example:"2030-01-31T00:00:00Z"` // RFC 3339
	// Hash is the SHA-256 of the secret in hexadecimal digits. Who makes a token leaves it out.
	Hash Secret `yaml:"hash,omitempty" json:"hash,omitzero"`
}

// tokenScopes are what a token can be allowed.
var tokenScopes = [...]string{"read", "contacts", "users", "run", "admin"}

// ObjectKind implements Object.
func (*Token) ObjectKind() ObjectKind { return ObjectToken }

// ObjectName implements Object.
func (t *Token) ObjectName() string { return t.Name }

// Validate implements Object.
func (t *Token) Validate() error {
	if err := firstError(validateName(t.Name), validateTitle(t.Title)); err != nil {
		return err
	}
	if len(t.Scopes) == 0 {
		return fieldErrorf("scopes", "is missing: say what the token may do, such as `scopes: [read]`")
	}
	for i, s := range t.Scopes {
		if !slices.Contains(tokenScopes[:], s) {
			return fieldErrorf(fmt.Sprintf("scopes[%d]", i), "%q is not a scope: there are read, contacts, users, run and admin", s)
		}
	}
	if t.Expires == "" {
		return fieldErrorf("expires", "is missing: say until when the token holds, such as `expires: 2030-01-31T00:00:00Z`")
	}
	if _, err := time.Parse(time.RFC3339, t.Expires); err != nil {
		return fieldErrorf("expires", "%q is not a time such as 2030-01-31T00:00:00Z", t.Expires)
	}
	if t.Hash.IsZero() || t.Hash.IsMasked() {
		return nil
	}
	if hash, err := hex.DecodeString(t.Hash.text); !t.Hash.IsLiteral() || err != nil || len(hash) != 32 {
		return fieldErrorf("hash", "is made by the server: leave it out")
	}
	return nil
}

// ExpiresAt returns when the token ends; long ago for one that does not validate.
func (t *Token) ExpiresAt() time.Time {
	at, err := time.Parse(time.RFC3339, t.Expires)
	if err != nil {
		return time.Time{}
	}
	return at
}
