package ldap

import (
	"errors"
	"fmt"
)

// go-ldap drops what it does not expect: an entry under another message ID, or of another kind, is missing from a search that then
// ends with success, and whoever it was would be removed here. So the heads of messages are read below it.

var errStray = errors.New("the server sent something that is no answer to the request")

// The tags of requests and of what answers them (RFC 4511, section 4).
const (
	tagBindRequest    = 0x60
	tagBindResponse   = 0x61
	tagSearchRequest  = 0x63
	tagSearchEntry    = 0x64
	tagSearchDone     = 0x65
	tagSearchRefer    = 0x73
	tagExtendedAnswer = 0x78
	tagIntermediate   = 0x79
)

// An envelope is the head of a message.
type envelope struct {
	id   int64
	op   byte // the tag of the operation
	size int  // of the whole message
}

// answers tells whether a message may be part of the answer to a request, or an unsolicited notification.
func (e envelope) answers(request envelope) bool {
	if e.id == 0 {
		return e.op == tagExtendedAnswer
	}
	if e.id != request.id {
		return false
	}
	switch request.op {
	case tagSearchRequest:
		return e.op == tagSearchEntry || e.op == tagSearchDone || e.op == tagSearchRefer || e.op == tagIntermediate
	case tagBindRequest:
		return e.op == tagBindResponse
	}
	return true
}

// open reads the head of a message; ok is false where more of it has to come.
func open(b []byte) (e envelope, ok bool, err error) {
	body, head, ok, err := lengthOf(b, 0x30)
	if !ok || err != nil {
		return e, false, err
	}
	e.size = head + body
	n, idHead, ok, err := lengthOf(b[head:], 0x02)
	if !ok || err != nil {
		return e, false, err
	}
	at := head + idHead
	switch {
	case n < 1 || n > 4 || at+n >= e.size:
		return e, false, fmt.Errorf("%w: its message ID has %d octets", errStray, n)
	case len(b) <= at+n:
		return e, false, nil
	}
	for _, octet := range b[at : at+n] {
		e.id = e.id<<8 | int64(octet)
	}
	e.op = b[at+n]
	return e, true, nil
}

// lengthOf reads the tag and the definite length at the beginning of b (RFC 4511, section 5.1).
func lengthOf(b []byte, tag byte) (length, head int, ok bool, err error) {
	switch {
	case len(b) > 0 && b[0] != tag:
		return 0, 0, false, fmt.Errorf("%w: it begins with %#x", errStray, b[0])
	case len(b) < 2:
		return 0, 0, false, nil
	case b[1] < 0x80:
		return int(b[1]), 2, true, nil
	}
	octets := int(b[1] & 0x7f)
	if octets < 1 || octets > 4 {
		return 0, 0, false, fmt.Errorf("%w: its length has %d octets", errStray, octets)
	}
	if len(b) < 2+octets {
		return 0, 0, false, nil
	}
	for _, octet := range b[2 : 2+octets] {
		length = length<<8 | int(octet)
	}
	if length < 0 || length > maxAnswer { // the former where an int has 32 bits
		return 0, 0, false, fmt.Errorf("%w: its length is %d", errStray, length)
	}
	return length, 2 + octets, true, nil
}

// A watch looks at the head of each message that comes.
type watch struct {
	request envelope // the last that was sent
	head    []byte   // of a message of which too little has come
	rest    int      // octets of a message that are still to come
}

// sent notes a request.
func (w *watch) sent(b []byte) {
	if e, ok, err := open(b); ok && err == nil {
		w.request = e
	}
}

// came looks at what came.
func (w *watch) came(b []byte) error {
	for len(b) > 0 {
		if w.rest > 0 {
			n := min(w.rest, len(b))
			w.rest -= n
			b = b[n:]
			continue
		}
		before := len(w.head)
		w.head = append(w.head, b[:min(len(b), maxHead-before)]...)
		e, ok, err := open(w.head)
		switch {
		case err != nil:
			return err
		case !ok:
			return nil // shorter than maxHead, so that all of b is in it
		case !e.answers(w.request):
			return fmt.Errorf("%w: message %d of kind %#x, where message %d was awaited", errStray, e.id, e.op, w.request.id)
		}
		used := min(len(w.head), e.size)
		b = b[used-before:]
		w.rest = e.size - used
		w.head = w.head[:0]
	}
	return nil
}

// maxHead is the longest head: tag and length, tag, length and value of the ID, the operation's tag.
const maxHead = 6 + 6 + 4 + 1
