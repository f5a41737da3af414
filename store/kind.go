package store

import "fmt"

// kinds are all kinds of entries.
var kinds = [...]Kind{KindUser, KindContact, KindSpeedDial}

// Kinds returns the kinds of entries.
func Kinds() []Kind { return append([]Kind(nil), kinds[:]...) }

// String returns the kind as it is named in YAML: user, contact or speeddial.
func (k Kind) String() string {
	switch k {
	case KindUser:
		return "user"
	case KindContact:
		return "contact"
	case KindSpeedDial:
		return "speeddial"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// ParseKind reads what String writes.
func ParseKind(s string) (Kind, bool) {
	for _, k := range kinds {
		if k.String() == s {
			return k, true
		}
	}
	return 0, false
}

// String returns the method as it is named in YAML: none, internal or upstream.
func (m Method) String() string {
	switch m {
	case AuthNone:
		return "none"
	case AuthInternal:
		return "internal"
	case AuthUpstream:
		return "upstream"
	}
	return fmt.Sprintf("method %d", uint8(m))
}

// ParseMethod reads what String writes.
func ParseMethod(s string) (Method, bool) {
	for _, m := range [...]Method{AuthNone, AuthInternal, AuthUpstream} {
		if m.String() == s {
			return m, true
		}
	}
	return 0, false
}

// ObjectKinds returns the kinds of objects, what others refer to first.
func ObjectKinds() []ObjectKind {
	return []ObjectKind{ObjectUpstream, ObjectPhonebook, ObjectContainer, ObjectDevice, ObjectConnector,
		ObjectAdministrator, ObjectRole, ObjectToken}
}
