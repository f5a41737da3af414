//go:build linux

package main

// The operations of a response that are not its end (RFC 4511, section 4.5.2).
const (
	searchResultEntry     = 0x64
	searchResultReference = 0x73
)

// An answer is what came on one connection and is not whole yet.
type answer struct {
	rest [512]byte // the begin of a message
	n    int
	skip int // octets of an entry that are still to come
}

// A response ends the answer to one request.
type response struct {
	id   uint32
	code int // -1: it is no response with a result
}

// take reads what has come on: buf holds the n octets that were kept, and behind
// them what is new. It counts the entries, without a look at what is in them, and
// calls end for each response. It tells whether a message is too long to keep.
func (a *answer) take(buf []byte, end func(response)) (entries int, ok bool) {
	for {
		skipped := min(a.skip, len(buf))
		a.skip, buf = a.skip-skipped, buf[skipped:]
		size, op, known := envelope(buf)
		switch {
		case known && (op == searchResultEntry || op == searchResultReference):
			if op == searchResultEntry {
				entries++
			}
			a.skip = size
		case known && size <= len(buf):
			id, code, _ := result(buf[:size])
			end(response{id, code})
			buf = buf[size:]
		default:
			a.n = copy(a.rest[:], buf)
			return entries, a.n == len(buf)
		}
	}
}

// envelope is the size of the message at the head of b and the tag of its
// operation, once that much of it is there.
func envelope(b []byte) (size int, op byte, ok bool) {
	length, head, ok := header(b)
	if !ok {
		return 0, 0, false
	}
	idLength, idHead, ok := header(b[head:])
	if at := head + idHead + idLength; ok && at < len(b) {
		return head + length, b[at], true
	}
	return 0, 0, false
}

// result is the message ID and the result code of the response at the head of b,
// once all of it is there; the code is -1 when it is no response with a result.
func result(b []byte) (id uint32, code int, complete bool) {
	_, body, ok := element(b)
	if !ok {
		return 0, 0, false
	}
	n, octets, ok := element(body)
	if !ok || len(octets) > 4 {
		return 0, -1, true
	}
	for _, o := range octets {
		id = id<<8 | uint32(o)
	}
	_, op, ok := element(body[n:])
	if !ok || len(op) < 3 || op[0] != 0x0a || op[1] != 1 {
		return id, -1, true
	}
	return id, int(op[2]), true
}

// element is the size of the BER element at the head of b and its contents.
func element(b []byte) (size int, content []byte, ok bool) {
	n, head, ok := header(b)
	if !ok || len(b) < head+n {
		return 0, nil, false
	}
	return head + n, b[head : head+n], true
}

// header is the length of the contents of the BER element at the head of b, and
// the size of what is before them.
func header(b []byte) (length, head int, ok bool) {
	if len(b) < 2 {
		return 0, 0, false
	}
	if b[1] < 0x80 {
		return int(b[1]), 2, true
	}
	octets := int(b[1] & 0x7f)
	if octets > 4 || len(b) < 2+octets {
		return 0, 0, false
	}
	for _, o := range b[2 : 2+octets] {
		length = length<<8 | int(o)
	}
	return length, 2 + octets, true
}
