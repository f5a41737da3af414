package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// mask is what is shown in place of a literal. Given to Apply it means: keep what is stored.
const mask = "[secret]"

// maxSecret bounds a secret in bytes, from wherever it comes.
const maxSecret = 64 << 10

// A Secret is a password or the like: a literal, or a reference to an environment variable or a file. No verb, logger or encoder
// prints a literal; all of them write "[secret]" for it, and a reference as itself. The zero Secret is none.
type Secret struct {
	from secretSource
	text string // the literal, the name or the path
}

type secretSource uint8

const (
	secretNone secretSource = iota
	secretLiteral
	secretEnv
	secretFile
	secretMasked // what a literal's encoding reads back as
)

// Literal returns a secret with this value. An empty value is no secret; "[secret]" stands for the stored one.
func Literal(value string) Secret {
	switch value {
	case "":
		return Secret{}
	case mask:
		return Secret{from: secretMasked}
	}
	return Secret{from: secretLiteral, text: value}
}

// FromEnv returns a secret that is read from an environment variable whenever it is needed.
func FromEnv(name string) Secret { return Secret{from: secretEnv, text: name} }

// FromFile returns a secret that is read from a file whenever it is needed.
func FromFile(path string) Secret { return Secret{from: secretFile, text: path} }

// IsZero tells whether there is no secret.
func (s Secret) IsZero() bool { return s.from == secretNone }

// IsMasked tells whether the secret is only the placeholder of one that is stored.
func (s Secret) IsMasked() bool { return s.from == secretMasked }

// IsLiteral tells whether the secret is held here rather than in a variable or a file.
func (s Secret) IsLiteral() bool { return s.from == secretLiteral }

// Resolve returns the secret itself. Its errors name the variable or the file and never hold content.
func (s Secret) Resolve() (string, error) {
	switch s.from {
	case secretLiteral:
		return s.text, nil
	case secretEnv:
		value, ok := os.LookupEnv(s.text)
		if !ok || value == "" {
			return "", fmt.Errorf("environment variable %s, which should hold the secret, is not set", s.text)
		}
		return checkSecret(value, "environment variable "+s.text)
	case secretFile:
		return readSecret(s.text)
	case secretMasked:
		return "", errors.New("the secret is no longer stored: enter it again")
	}
	return "", nil
}

func readSecret(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxSecret+3))
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r") // what an editor appends
	if value == "" {
		return "", fmt.Errorf("file %s, which should hold the secret, is empty", path)
	}
	return checkSecret(value, "file "+path)
}

func checkSecret(value, where string) (string, error) {
	if len(value) > maxSecret {
		return "", fmt.Errorf("the secret in %s is longer than %d bytes", where, maxSecret)
	}
	return value, nil
}

// String returns "[secret]" for a literal, "" for none, and what a reference refers to.
func (s Secret) String() string {
	switch s.from {
	case secretEnv:
		return "{env: " + s.text + "}"
	case secretFile:
		return "{file: " + s.text + "}"
	case secretNone:
		return ""
	}
	return mask
}

// Format writes String for every verb and flag, so that neither %q nor %#v reveals a literal.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue is what log/slog writes.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is what encoders of text write.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// secretRef is a reference as JSON and YAML hold it.
type secretRef struct {
	Env  string `json:"env,omitempty" yaml:"env,omitempty"`
	File string `json:"file,omitempty" yaml:"file,omitempty"`
}

func (s Secret) encodable() any {
	switch s.from {
	case secretEnv:
		return secretRef{Env: s.text}
	case secretFile:
		return secretRef{File: s.text}
	}
	return s.String()
}

func (r secretRef) secret() (Secret, error) {
	switch {
	case r.Env != "" && r.File == "":
		return FromEnv(r.Env), nil
	case r.File != "" && r.Env == "":
		return FromFile(r.File), nil
	}
	return Secret{}, errSecretForm
}

// errSecretForm never holds what was given: that might be the secret.
var errSecretForm = errors.New("a secret is a text, {env: NAME} or {file: PATH}")

// MarshalJSON writes "[secret]" for a literal and an object for a reference.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.encodable()) }

// UnmarshalJSON reads a text, {"env": NAME} or {"file": PATH}.
func (s *Secret) UnmarshalJSON(data []byte) error {
	if bytes.Equal(data, []byte("null")) {
		*s = Secret{}
		return nil
	}
	var text string
	if json.Unmarshal(data, &text) == nil {
		*s = Literal(text)
		return nil
	}
	var ref secretRef
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if d.Decode(&ref) != nil {
		return errSecretForm
	}
	var err error
	*s, err = ref.secret()
	return err
}

// MarshalYAML writes "[secret]" for a literal and a mapping for a reference.
func (s Secret) MarshalYAML() (any, error) { return s.encodable(), nil }

// UnmarshalYAML reads a text, {env: NAME} or {file: PATH}. A number is taken as it was written: a password of digits
// keeps its leading zeros.
func (s *Secret) UnmarshalYAML(n *yaml.Node) error {
	switch n.Kind {
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			*s = Secret{}
			return nil
		}
		*s = Literal(n.Value)
		return nil
	case yaml.MappingNode:
		if len(n.Content) != 2 {
			return fmt.Errorf("line %d: %w", n.Line, errSecretForm)
		}
		var ref secretRef
		switch n.Content[0].Value {
		case "env":
			ref.Env = n.Content[1].Value
		case "file":
			ref.File = n.Content[1].Value
		}
		var err error
		if *s, err = ref.secret(); err != nil {
			return fmt.Errorf("line %d: %w", n.Line, err)
		}
		return nil
	}
	return fmt.Errorf("line %d: %w", n.Line, errSecretForm)
}

// validate checks the form of a secret at a path of an object.
func (s Secret) validate(path string) error {
	if len(s.text) > maxSecret {
		return fieldErrorf(path, "is longer than %d bytes", maxSecret)
	}
	if s.from != secretLiteral && (strings.ContainsFunc(s.text, isControl) || !utf8.ValidString(s.text)) {
		return fieldErrorf(path, "names a variable or file with control characters")
	}
	return nil
}
