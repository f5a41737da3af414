package store

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Duration is a time.Duration that is written as text, such as 10s, 1h30m or 7d.
type Duration time.Duration

const day = 24 * time.Hour

// String returns the duration as text, whole days as such.
func (d Duration) String() string {
	if t := time.Duration(d); t != 0 && t%day == 0 {
		return strconv.Itoa(int(t/day)) + "d"
	}
	return time.Duration(d).String()
}

// MarshalText writes the duration as text.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a duration such as 10s, 5m, 1h30m or 7d.
func (d *Duration) UnmarshalText(text []byte) error {
	if days, ok := strings.CutSuffix(string(text), "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			*d = Duration(time.Duration(n) * day)
			return nil
		}
	}
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration: write a number and a unit, such as 500ms, 10s, 5m or 7d", text)
	}
	*d = Duration(parsed)
	return nil
}
