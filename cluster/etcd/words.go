package etcd

import (
	"regexp"
	"strings"
)

// What gRPC and etcd say is for programmers. Somebody who looks why nothing can be changed needs to know which member it is about and what is wrong with it.

var (
	dialled   = regexp.MustCompile(`dial tcp ([^ ]+?): (?:connect: )?(.+?)"?$`)
	unknown   = regexp.MustCompile(`lookup ([^ ]+?)(?: on [^ ]+)?: (.+?)"?$`)
	alert     = regexp.MustCompile(`remote error: tls: [^"]+`) // in TLS 1.3 it may come after the handshake, instead of the first answer
	handshake = regexp.MustCompile(`authentication handshake failed: (?:tls: )?(.+?)"?$`)
)

// inWords says in plain words why nobody answered. A text that is not known stays as it is, without gRPC's frame around it.
func inWords(text string) string {
	if m := alert.FindString(text); m != "" {
		return "no TLS with it: " + m
	}
	switch {
	case strings.Contains(text, "deadline exceeded"), strings.Contains(text, "request timed out"):
		return "it took too long"
	case strings.Contains(text, "client connection is closing"), strings.Contains(text, "context canceled"):
		return "the connection was given up"
	case strings.Contains(text, "no leader"), strings.Contains(text, "not leader"), strings.Contains(text, "leader changed"):
		return "its members have no leader: more than half of them must be up and reach each other"
	case strings.Contains(text, "learner"):
		return "this member is a learner, which answers nobody yet"
	case strings.Contains(text, "transport is closing"), strings.Contains(text, "error reading"), strings.Contains(text, "reset by peer"), strings.Contains(text, "broken pipe"), strings.HasSuffix(strings.TrimSuffix(text, `"`), "EOF"):
		return "the connection broke"
	}
	if m := handshake.FindStringSubmatch(text); m != nil {
		return "no TLS with it: " + m[1]
	}
	if m := unknown.FindStringSubmatch(text); m != nil {
		return "no address is found for " + m[1] + ": " + m[2]
	}
	if m := dialled.FindStringSubmatch(text); m != nil {
		switch {
		case strings.Contains(m[2], "connection refused"):
			return m[1] + " refuses connections"
		case strings.Contains(m[2], "i/o timeout"), strings.Contains(m[2], "operation was canceled"):
			return m[1] + " is not reached"
		}
		return m[1] + " is not reached: " + m[2]
	}
	if _, inner, ok := strings.Cut(text, "desc = "); ok {
		return strings.Trim(inner, `"`)
	}
	return text
}

// because is the reason of an error behind a colon, to be put behind a sentence that says what it means.
func because(err error) error { return reasonError{inWords(reason(err))} }

type reasonError struct{ text string }

func (e reasonError) Error() string { return ": " + e.text }
