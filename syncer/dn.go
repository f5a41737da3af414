package syncer

import (
	"encoding/hex"
	"strings"
)

// A dnPart is an attribute and its value, unescaped.
type dnPart struct{ attribute, value string }

// dnParts takes a distinguished name (RFC 4514) apart, the nearest part first; an RDN of several attributes gives several parts.
// It is false for what is none, such as the plain name of a group.
func dnParts(dn string) ([]dnPart, bool) {
	var parts []dnPart
	for rest := dn; ; {
		attribute, value, ok := strings.Cut(rest, "=")
		attribute = strings.TrimSpace(attribute)
		if !ok || attribute == "" || strings.ContainsAny(attribute, `,+"\<>;`) || len(parts) == maxParts {
			return nil, false
		}
		value, rest, ok = dnValue(value)
		if !ok {
			return nil, false
		}
		parts = append(parts, dnPart{attribute, value})
		if rest == "" {
			return parts, true
		}
		rest = rest[1:]
	}
}

// dnValue reads a value up to its separator, which rest begins with.
func dnValue(text string) (value, rest string, ok bool) {
	var b strings.Builder
	kept := 0 // up to the last byte that is no unescaped blank
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case ',', '+', ';':
			return b.String()[:kept], text[i:], true
		case '\\':
			if i+1 == len(text) {
				return "", "", false
			}
			if raw, err := hex.DecodeString(text[i+1 : min(i+3, len(text))]); err == nil && len(raw) == 1 {
				b.Write(raw)
				i += 2
			} else {
				b.WriteByte(text[i+1])
				i++
			}
			kept = b.Len()
		case ' ':
			if b.Len() > 0 {
				b.WriteByte(c)
			}
		default:
			b.WriteByte(c)
			kept = b.Len()
		}
	}
	return b.String()[:kept], "", true
}

// rdn returns the name that a DN begins with, and a text that is no DN as it is.
func rdn(text string) string {
	if parts, ok := dnParts(text); ok {
		return parts[0].value
	}
	return text
}

// ou returns the organisational units of DNs, the nearest first.
func ou(args ...any) (any, error) {
	all, err := textsOf(args[0])
	if err != nil {
		return nil, err
	}
	var units []string
	for _, text := range all {
		parts, _ := dnParts(text)
		for _, p := range parts {
			if strings.EqualFold(p.attribute, "ou") {
				units = append(units, p.value)
			}
		}
		if len(units) > maxParts {
			return nil, errTooMany
		}
	}
	return units, nil
}

// inGroup tells whether a group is among those of a list of names or DNs, in any case.
func inGroup(args ...any) (any, error) {
	all, err := textsOf(args[0])
	if err != nil {
		return nil, err
	}
	group, err := textOf(args[1])
	if err != nil {
		return nil, err
	}
	for _, text := range all {
		if strings.EqualFold(text, group) || strings.EqualFold(rdn(text), group) {
			return true, nil
		}
	}
	return false, nil
}
