package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"
)

// recordVersion is the first byte of an entry's record. A record is
//
//	version, length of the head, head, body
//	head: flags, seq, username, upstream, dn, hash
//	body: phonebook, owner, key, created, modified, removed where flagged, local fields, number of values, then field, text of each
//
// with numbers as varints and texts behind their lengths. A bind needs the head only: it is copied in one piece and its
// texts are cut from the copy. The user name is in the head and nowhere else.
const recordVersion = 1

const (
	flagMethod    = 0b0000_0011
	flagDisabled  = 0b0000_0100
	flagLocalAuth = 0b0000_1000
	flagRemoved   = 0b0001_0000 // since schema version 2
	flagsKnown    = flagMethod | flagDisabled | flagLocalAuth | flagRemoved
)

var errRecord = errors.New("the record is damaged")

// appendRecord appends the record of an entry whose values are ordered by field. Kind and ID are in the key.
func appendRecord(dst []byte, e *Entry) []byte {
	username := e.Values.First(Username)
	flags := byte(e.Auth.Method) & flagMethod
	if e.Auth.Disabled {
		flags |= flagDisabled
	}
	if e.LocalAuth {
		flags |= flagLocalAuth
	}
	if e.Hidden() {
		flags |= flagRemoved
	}
	hash := e.Auth.Hash.text
	head := 1 + uvarintLen(e.Seq) + textLen(username) + textLen(e.Auth.Upstream) + textLen(e.Auth.DN) + textLen(hash)

	dst = append(dst, recordVersion)
	dst = binary.AppendUvarint(dst, uint64(head))
	dst = append(dst, flags)
	dst = binary.AppendUvarint(dst, e.Seq)
	for _, text := range [...]string{username, e.Auth.Upstream, e.Auth.DN, hash, e.Phonebook, e.Owner, e.Key} {
		dst = appendText(dst, text)
	}
	dst = binary.AppendVarint(dst, unixSeconds(e.Created))
	dst = binary.AppendVarint(dst, unixSeconds(e.Modified))
	if e.Hidden() {
		dst = binary.AppendVarint(dst, unixSeconds(e.Removed))
	}
	dst = binary.AppendUvarint(dst, uint64(e.Local))
	values := e.Values
	if username != "" {
		values = values[1:] // the first field there is
	}
	dst = binary.AppendUvarint(dst, uint64(len(values)))
	for _, v := range values {
		dst = append(dst, byte(v.Field))
		dst = appendText(dst, v.Text)
	}
	return dst
}

// decodeRecord reads a record. The entry shares nothing with it.
func decodeRecord(x id, record []byte) (Entry, error) {
	e := Entry{Kind: x.kind(), ID: x.String()}
	if err := e.decode(string(record)); err != nil {
		return Entry{}, err
	}
	return e, nil
}

// decode reads what is in a record into e. The texts are cut from the record; the memory of e.Values is used again.
func (e *Entry) decode(record string) error {
	r := reader{text: record}
	if r.byte() != recordVersion {
		return fmt.Errorf("%w: unknown version", errRecord)
	}
	headLen := r.uvarint()
	headEnd := r.at + int(min(headLen, uint64(len(r.text))))
	h := r.head()
	if r.at != headEnd {
		return errRecord
	}
	username := h.username
	e.Auth, e.LocalAuth, e.Seq = h.auth, h.localAuth, h.seq
	e.Phonebook, e.Owner, e.Key = r.string(), r.string(), r.string()
	e.Created, e.Modified = r.time(), r.time()
	e.Removed = time.Time{}
	if h.removed {
		if e.Removed = r.time(); !e.Hidden() {
			return errRecord
		}
	}
	e.Local = FieldSet(r.uvarint())
	n := r.uvarint()
	if n > uint64(len(r.text)-r.at)/2 { // a value takes two bytes at least
		return errRecord
	}
	e.Values = slices.Grow(e.Values[:0], int(n)+1)
	if username != "" {
		e.Values = append(e.Values, Value{Field: Username, Text: username})
	}
	last := Username
	for range n {
		f := FieldID(r.byte())
		if f < last || f == Username {
			return errRecord
		}
		e.Values, last = append(e.Values, Value{Field: f, Text: r.string()}), f
	}
	if r.failed || r.at != len(r.text) {
		return errRecord
	}
	return nil
}

// decodeAccount reads the head of a user's record.
func decodeAccount(x id, record []byte) (Account, error) {
	if len(record) < 2 || record[0] != recordVersion {
		return Account{}, errRecord
	}
	headLen, n := binary.Uvarint(record[1:])
	if n <= 0 || headLen > uint64(len(record)-1-n) {
		return Account{}, errRecord
	}
	r := reader{text: string(record[1+n : 1+n+int(headLen)])}
	h := r.head()
	if r.failed || r.at != len(r.text) {
		return Account{}, errRecord
	}
	h.auth.Disabled = h.auth.Disabled || h.removed
	return Account{ID: x.String(), Username: h.username, Auth: h.auth, Seq: h.seq}, nil
}

// A reader takes a record apart. After a mistake it returns zero values and failed is true.
type reader struct {
	text   string
	at     int
	failed bool
}

// A head is what a bind needs.
type head struct {
	username  string
	auth      Auth
	localAuth bool
	removed   bool
	seq       uint64
}

func (r *reader) head() (h head) {
	flags := r.byte()
	if flags&^flagsKnown != 0 {
		r.failed = true
	}
	h.auth.Method = Method(flags & flagMethod)
	h.auth.Disabled = flags&flagDisabled != 0
	h.localAuth = flags&flagLocalAuth != 0
	h.removed = flags&flagRemoved != 0
	h.seq = r.uvarint()
	h.username = r.string()
	h.auth.Upstream, h.auth.DN = r.string(), r.string()
	if hash := r.string(); hash != "" {
		h.auth.Hash = Secret{from: secretLiteral, text: hash}
	}
	return h
}

func (r *reader) byte() byte {
	if r.failed || r.at >= len(r.text) {
		r.failed = true
		return 0
	}
	r.at++
	return r.text[r.at-1]
}

func (r *reader) uvarint() uint64 {
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		b := r.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
	r.failed = true
	return 0
}

func (r *reader) string() string {
	n := r.uvarint()
	if r.failed || n > uint64(len(r.text)-r.at) {
		r.failed = true
		return ""
	}
	r.at += int(n)
	return r.text[r.at-int(n) : r.at]
}

func (r *reader) time() time.Time {
	u := r.uvarint()
	v := int64(u >> 1)
	if u&1 != 0 {
		v = ^v
	}
	if v == 0 {
		return time.Time{}
	}
	return time.Unix(v, 0).UTC()
}

// unixSeconds writes the zero time as 0.
func unixSeconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func appendText(dst []byte, text string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
}

func textLen(text string) int { return uvarintLen(uint64(len(text))) + len(text) }

func uvarintLen(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}
