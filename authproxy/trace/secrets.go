package trace

import (
	"strings"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/refusals"
)

// hidden stands where a secret was.
const hidden = "[hidden]"

// secretAttribute tells whether an attribute description is of one that holds passwords: whose values are not shown.
func secretAttribute(description []byte) bool {
	base, _, _ := strings.Cut(strings.ToLower(string(description)), ";")
	switch base {
	case "2.5.4.35", "1.2.840.113556.1.4.90": // userPassword, unicodePwd
		return true
	}
	for _, word := range []string{"password", "passwd", "passphrase", "pwd", "secret", "credential", "krbprincipalkey"} {
		if strings.Contains(base, word) {
			return true
		}
	}
	return false
}

// filter is the text of a filter (RFC 4515) with what is asserted of passwords hidden.
func filter(f *ldapwire.Filter) string {
	shown := withoutSecrets(f)
	return bounded(refusals.Shown(shown.String()))
}

// withoutSecrets copies a filter, which is at most as deep as the decoder lets it be. An extensible match that names no attribute is
// compared with those of all names, so that it may be a password's.
func withoutSecrets(f *ldapwire.Filter) ldapwire.Filter {
	out := *f
	out.Children = make([]ldapwire.Filter, len(f.Children))
	for i := range f.Children {
		out.Children[i] = withoutSecrets(&f.Children[i])
	}
	unnamed := f.Kind == ldapwire.FilterExtensibleMatch && len(f.Attribute) == 0
	if !secretAttribute(f.Attribute) && !unnamed {
		return out
	}
	out.Value, out.Initial, out.Any, out.Final = []byte(hidden), nil, nil, nil
	if f.Kind == ldapwire.FilterSubstrings {
		out.Initial = []byte(hidden)
	}
	return out
}

// dn shows a DN. One that is made of a password says so and no more.
func dn(b []byte) string {
	shown := text(b)
	for part := range strings.SplitSeq(shown, ",") {
		for ava := range strings.SplitSeq(part, "+") {
			if attribute, _, ok := strings.Cut(ava, "="); ok && secretAttribute([]byte(strings.TrimSpace(attribute))) {
				return hidden
			}
		}
	}
	return shown
}

// name shows a bind name. It is what the client sent as one: whoever types his password into the field for the name is shown it here, as in
// the server's log.
func name(b []byte) string { return dn(b) }
