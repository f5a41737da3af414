package store

import (
	"fmt"
	"time"
)

// A Duration is a time.Duration that is written as text, such as 10s or 1h30m.
type Duration time.Duration

// String returns the duration as text.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes the duration as text.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a duration such as 10s, 5m or 1h30m.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration: write a number and a unit, such as 500ms, 10s or 5m", text)
	}
	*d = Duration(parsed)
	return nil
}
