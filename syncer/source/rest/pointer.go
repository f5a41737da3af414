package rest

import (
	"fmt"
	"strings"
)

// maxPointer is more than anybody nests lists.
const maxPointer = 1024

// A pointer is a JSON pointer (RFC 6901), taken apart: the names and places on the way to a value.
type pointer []string

func parsePointer(text string) (pointer, error) {
	switch {
	case text == "":
		return pointer{}, nil
	case text[0] != '/':
		return nil, fmt.Errorf("%q is not a JSON pointer: it begins with a slash, as in /data/contacts", text)
	case len(text) > maxPointer:
		return nil, fmt.Errorf("the JSON pointer is longer than %d bytes", maxPointer)
	}
	p := pointer(strings.Split(text[1:], "/"))
	for i, token := range p {
		rest := strings.NewReplacer("~0", "", "~1", "").Replace(token)
		if strings.Contains(rest, "~") {
			return nil, fmt.Errorf("%q is not a JSON pointer: a ~ in a name is written ~0, and a slash ~1", text)
		}
		// In this order, says section 4: ~01 is ~1, not a slash.
		p[i] = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
	}
	return p, nil
}

func (p pointer) String() string {
	var b strings.Builder
	for _, token := range p {
		b.WriteByte('/')
		b.WriteString(strings.ReplaceAll(strings.ReplaceAll(token, "~", "~0"), "/", "~1"))
	}
	return b.String()
}
