package config

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"time"
)

// Where a value came from.
const (
	FromDefault     = "default"
	FromFile        = "file"
	FromEnvironment = "environment"
	FromFlag        = "flag"
)

// An Origin is where the value of a key came from.
type Origin struct {
	From  string // one of the constants; empty: the default
	Where string // file:line, or the name of the variable or flag
}

// A Setting is a key with its value, for people. A secret reads "[secret]".
type Setting struct {
	Key     string
	Value   string
	Default string
	Origin  Origin
	Reload  bool // SIGHUP takes it over
	Help    string
}

// Settings returns every key, in the order of the file.
func (c *Config) Settings() []Setting {
	defaults := Default().leaves()
	var out []Setting
	for i, l := range c.leaves() {
		d := descriptions[l.key]
		s := Setting{Key: l.key, Value: shown(l.value), Default: shown(defaults[i].value), Origin: c.Origins[l.key], Reload: d.reload, Help: d.help}
		if s.Origin.From == "" {
			s.Origin.From = FromDefault
		}
		out = append(out, s)
	}
	return out
}

// Reloaded returns the configuration in force after SIGHUP: next where a key may change
// while the server runs, and c for the rest.
func (c *Config) Reloaded(next *Config) *Config {
	merged := *c
	merged.Origins = make(map[string]Origin, len(c.Origins))
	from, into := next.leaves(), merged.leaves()
	for i, l := range into {
		origin, given := c.Origins[l.key]
		if descriptions[l.key].reload {
			l.value.Set(from[i].value)
			origin, given = next.Origins[l.key]
		}
		if given {
			merged.Origins[l.key] = origin
		}
	}
	return &merged
}

// shown is a value as it would be written in the file, but for brackets and quotes.
func shown(v reflect.Value) string {
	switch value := v.Interface().(type) {
	case Addresses:
		return strings.Join(value, ", ")
	case Endpoints:
		return strings.Join(value, ", ")
	case Prefixes:
		return joined(value)
	case time.Duration:
		return trimmed(value)
	}
	return fmt.Sprint(v.Interface())
}

func joined(prefixes []netip.Prefix) string {
	var parts []string
	for _, p := range prefixes {
		parts = append(parts, p.String())
	}
	return strings.Join(parts, ", ")
}

// trimmed writes 5m, not 5m0s.
func trimmed(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// origins notes where each value came from.
func (l *loader) origins() map[string]Origin {
	out := make(map[string]Origin)
	for _, leaf := range l.config.leaves() {
		variable, set := l.from[leaf.key]
		switch {
		case set:
			out[leaf.key] = Origin{FromEnvironment, variable}
		case l.document != nil && l.document.Has(leaf.key):
			out[leaf.key] = Origin{FromFile, fmt.Sprintf("%s:%d", l.file, l.document.LineOf(leaf.key))}
		}
	}
	return out
}
