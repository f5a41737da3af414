package store

import (
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strings"
)

// An id is an entry's ID as the file holds it: 64 bits, of which the first two are the kind, so that IDs are
// unique across kinds and a walk in order of ID visits one kind after the other.
type id [8]byte

// idText is RFC 4648's base32hex in lower case: it keeps the order of the bytes, and no client changes its case.
var idText = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

func (x id) String() string {
	var text [13]byte
	idText.Encode(text[:], x[:])
	return string(text[:])
}

func (x id) kind() Kind { return Kind(x[0] >> 6) }

func (x id) ref() Ref { return Ref{Kind: x.kind(), ID: x.String()} }

// parseID reads what String writes and nothing else: an alias of an ID would be a second name for one entry.
func parseID(text string) (id, bool) {
	var x id
	if len(text) != 13 {
		return x, false
	}
	// The decoder skips line breaks, hence the look at the count.
	if n, err := idText.Decode(x[:], []byte(text)); err != nil || n != len(x) || x.String() != text {
		return id{}, false
	}
	return x, x.kind() >= KindUser && x.kind() <= KindSpeedDial
}

// parseRef returns the id of a Ref, which must be of the Ref's kind.
func parseRef(r Ref) (id, bool) {
	x, ok := parseID(r.ID)
	return x, ok && x.kind() == r.Kind
}

// ownedID is the ID of a source's record: always the same, also when the record comes back after a removal.
// attempt counts the IDs before it that other entries have.
func ownedID(k Kind, owner, key string, attempt uint32) id {
	h := sha256.New()
	var frame [9]byte
	frame[0] = byte(k)
	binary.BigEndian.PutUint32(frame[1:], attempt)
	binary.BigEndian.PutUint32(frame[5:], uint32(len(owner)))
	h.Write(frame[:])
	h.Write([]byte(owner))
	h.Write([]byte(key))
	var sum [sha256.Size]byte
	return id(h.Sum(sum[:0])[:8]).of(k)
}

func randomID(k Kind) id {
	var x id
	rand.Read(x[:]) // never fails, says crypto/rand
	return x.of(k)
}

func (x id) of(k Kind) id {
	x[0] = x[0]&0x3f | byte(k)<<6
	return x
}

// EntryUUID returns the UUID of an entry (RFC 4530's entryUUID): a version 5 UUID of the ID in a name space that was
// made with the store, so that it lasts as long as the ID and differs between stores.
func (s *Store) EntryUUID(id string) string {
	h := sha1.New() //nolint:gosec // RFC 9562 section 5.5 says SHA-1; nothing rests on it
	h.Write(s.storeID[:])
	h.Write([]byte(id))
	u := h.Sum(nil)[:16]
	u[6] = u[6]&0x0f | 5<<4
	u[8] = u[8]&0x3f | 0x80
	return uuidText([16]byte(u))
}

// ID returns the store's own UUID, made when the store was created.
func (s *Store) ID() string { return uuidText(s.storeID) }

func uuidText(u [16]byte) string {
	return strings.ToLower(fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:]))
}
