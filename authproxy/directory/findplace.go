package directory

import "encoding/base64"

// A spotInList is where a page of a list ended: the ID of its last entry and what that was ordered
// by, so that the next page goes on there even when the entry is gone or has another name.
type spotInList struct{ id, key []byte }

// maxPlace bounds what is taken from a client, in bytes.
const maxPlace = 8 << 10

func writePlace(id, key []byte) string {
	return base64.RawURLEncoding.EncodeToString(append(append([]byte(nil), id...), key...))
}

// parsePlace reads what writePlace writes; nil for the beginning.
func parsePlace(text string) (*spotInList, error) {
	if text == "" {
		return nil, nil
	}
	if len(text) > maxPlace {
		return nil, ErrBadPlace
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) <= idLen {
		return nil, ErrBadPlace
	}
	return &spotInList{id: raw[:idLen], key: raw[idLen:]}, nil
}
