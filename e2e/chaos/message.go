package chaos

import "github.com/dialtree/dialtree/e2e/fixture"

// The tags of RFC 4511 that matter here.
const (
	tagSequence    = 0x30
	tagInteger     = 0x02
	tagEnumerated  = 0x0a
	tagBind        = 0x60
	tagBindAnswer  = 0x61
	tagUnbind      = 0x42
	tagSearch      = 0x63
	tagSearchEntry = 0x64
	tagSearchDone  = 0x65
	tagSearchRefer = 0x73
	tagAbandon     = 0x50
	tagExtended    = 0x77
	tagExtAnswer   = 0x78
)

// mostOfMessage bounds a message that passes, in bytes.
const mostOfMessage = 64 << 20

// element takes the first element off b.
func element(b []byte) (tag byte, content, rest []byte, ok bool) {
	tag, content, rest, err := fixture.Cut(b)
	return tag, content, rest, err == nil
}

// An envelope is a message taken apart.
type envelope struct {
	id   int64
	tag  byte   // of the operation
	op   []byte // what is in it
	body []byte // the operation with its tag, and controls
}

func open(message []byte) (envelope, bool) {
	_, inner, _, ok := element(message)
	if !ok {
		return envelope{}, false
	}
	_, id, body, ok := element(inner)
	if !ok {
		return envelope{}, false
	}
	e := envelope{body: body}
	for _, o := range id {
		e.id = e.id<<8 | int64(o)
	}
	e.tag, e.op, _, ok = element(body)
	return e, ok
}

// code is the result code of an answer; false for what has none.
func (e envelope) code() (int, bool) {
	tag, value, _, ok := element(e.op)
	if !ok || tag != tagEnumerated || len(value) != 1 {
		return 0, false
	}
	return int(value[0]), true
}

// bind is the name and the password of a simple bind.
func (e envelope) bind() (Bind, bool) {
	if e.tag != tagBind {
		return Bind{}, false
	}
	_, _, rest, ok := element(e.op) // version
	if !ok {
		return Bind{}, false
	}
	_, name, rest, ok := element(rest)
	if !ok {
		return Bind{}, false
	}
	_, password, _, ok := element(rest)
	return Bind{string(name), string(password)}, ok
}

// seal is the message of an ID and a body.
func seal(id int64, body []byte) []byte {
	octets := []byte{byte(id >> 24), byte(id >> 16), byte(id >> 8), byte(id)}
	for len(octets) > 1 && (octets[0] == 0 && octets[1] < 0x80 || octets[0] == 0xff && octets[1] >= 0x80) {
		octets = octets[1:]
	}
	return fixture.TLV(tagSequence, fixture.TLV(tagInteger, octets), body)
}

// Answer is a result with a diagnostic text and, where there are some, referrals.
func answer(id int64, tag byte, code byte, text string, referrals ...string) []byte {
	parts := [][]byte{fixture.TLV(tagEnumerated, []byte{code}), fixture.TLV(4), fixture.TLV(4, []byte(text))}
	if len(referrals) > 0 {
		var list []byte
		for _, r := range referrals {
			list = append(list, fixture.TLV(4, []byte(r))...)
		}
		parts = append(parts, fixture.TLV(0xa3, list))
	}
	return seal(id, fixture.TLV(tag, parts...))
}

// notice is an unsolicited notification (RFC 4511, section 4.4).
func notice(oid string) []byte {
	return seal(0, fixture.TLV(tagExtAnswer, fixture.TLV(tagEnumerated, []byte{52}), fixture.TLV(4), fixture.TLV(4, []byte("going down")), fixture.TLV(0x8a, []byte(oid))))
}

// The notice of disconnection, and a notification that nobody knows.
const (
	oidDisconnection = "1.3.6.1.4.1.1466.20036"
	oidNobodyKnows   = "1.3.6.1.4.1.99999.1"
	oidStartTLS      = "1.3.6.1.4.1.1466.20037"
)

// upgraded is the answer to StartTLS that agrees.
func upgraded(request []byte) []byte {
	e, _ := open(request)
	return answer(e.id, tagExtAnswer, 0, "")
}

// answerTag is the tag of the last answer to a request; 0 where none comes.
func answerTag(request byte) byte {
	switch request {
	case tagUnbind, tagAbandon:
		return 0
	case tagSearch:
		return tagSearchDone
	case tagExtended:
		return tagExtAnswer
	}
	return request + 1
}
