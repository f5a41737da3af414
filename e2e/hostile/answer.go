package hostile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// A Reply is one message of a server.
type Reply struct {
	ID         int64
	Tag        byte
	Code       int    // of a result
	Diagnostic string // of a result
	Name       string // responseName
	Value      []byte // responseValue
	DN         string // of an entry
}

// Final tells whether a request has no more answers after this one.
func (r *Reply) Final() bool {
	return r.Tag != tagSearchEntry && r.Tag != tagReference && r.Tag != tagIntermediate
}

// Notice tells whether it answers nothing: the Notice of Disconnection is the only such message.
func (r *Reply) Notice() bool { return r.ID == 0 }

// readReply takes a message apart, strictly: a server has no excuse.
func readReply(b []byte) (*Reply, error) {
	tag, body, rest, err := fixture.Cut(b)
	if err != nil || tag != tagSequence || len(rest) > 0 {
		return nil, fmt.Errorf("% x is no message", b[:min(len(b), 40)])
	}
	tag, number, body, err := fixture.Cut(body)
	if err != nil || tag != tagInteger || len(number) == 0 || len(number) > 4 || number[0] > 0x7f || len(number) > 1 && number[0] == 0 && number[1] < 0x80 {
		return nil, fmt.Errorf("% x has no message ID", b[:min(len(b), 40)])
	}
	r := &Reply{}
	for _, o := range number {
		r.ID = r.ID<<8 | int64(o)
	}
	r.Tag, body, _, err = fixture.Cut(body)
	if err != nil {
		return nil, fmt.Errorf("% x has no operation", b[:min(len(b), 40)])
	}
	switch r.Tag {
	case tagSearchEntry:
		_, dn, _, err := fixture.Cut(body)
		r.DN = string(dn)
		return r, err
	case tagReference, tagIntermediate:
		return r, nil
	case tagBindResponse, tagSearchDone, 0x67, 0x69, 0x6b, 0x6d, 0x6f, tagExtendedDone:
		return r, r.result(body)
	}
	return nil, fmt.Errorf("operation %#x is no response", r.Tag)
}

func (r *Reply) result(body []byte) error {
	tag, code, body, err := fixture.Cut(body)
	if err != nil || tag != tagEnumerated || len(code) == 0 || len(code) > 2 {
		return errors.New("a result has no code")
	}
	for _, o := range code {
		r.Code = r.Code<<8 | int(o)
	}
	for i := range 2 {
		var text []byte
		if tag, text, body, err = fixture.Cut(body); err != nil || tag != tagOctets {
			return errors.New("a result is cut off")
		}
		if !utf8.Valid(text) || strings.ContainsFunc(string(text), func(c rune) bool { return c < ' ' || c == 0x7f }) {
			return fmt.Errorf("a result holds the text %q", text)
		}
		if i == 1 {
			r.Diagnostic = string(text)
		}
	}
	for len(body) > 0 {
		var content []byte
		if tag, content, body, err = fixture.Cut(body); err != nil {
			return errors.New("a result ends in junk")
		}
		switch tag {
		case tagResponseName:
			r.Name = string(content)
		case 0x8b:
			r.Value = content
		}
	}
	return nil
}

// A stream reads replies.
type stream struct {
	net.Conn
	in  []byte
	raw []byte // the last message
}

// next returns the next reply; io.EOF at the end, however that came.
func (s *stream) next(by time.Time) (*Reply, error) {
	_ = s.SetReadDeadline(by)
	for {
		n, err := whole(s.in)
		if err != nil {
			return nil, fmt.Errorf("% x is no answer", s.in[:min(len(s.in), 40)])
		}
		if n > 0 {
			s.raw = s.in[:n:n]
			s.in = s.in[n:]
			return readReply(s.raw)
		}
		b := make([]byte, 4<<10)
		n, err = s.Read(b)
		s.in = append(s.in, b[:n]...)
		switch {
		case n > 0:
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, err
		case len(s.in) > 0:
			return nil, fmt.Errorf("the answer % x is cut off", s.in[:min(len(s.in), 40)])
		default:
			return nil, io.EOF
		}
	}
}

// Listen reads what a server says until it has said enough, ended the connection, or the time is up. An error is
// an answer that is none.
func Listen(conn net.Conn, by time.Time, enough func(r *Reply) bool) (replies []*Reply, ended bool, err error) {
	s := &stream{Conn: conn}
	for {
		r, err := s.next(by)
		switch {
		case errors.Is(err, io.EOF):
			return replies, true, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return replies, false, nil
		case err != nil:
			return replies, false, err
		}
		replies = append(replies, r)
		if enough != nil && enough(r) {
			return replies, false, nil
		}
	}
}

// legal tells whether what was sent holds a bind that may succeed. dear counts those that the account's
// own password is in.
func (s *Subject) legal(sent []byte) (may bool, dear int) {
	for len(sent) > 0 {
		tag, body, rest, err := fixture.Cut(sent)
		if err != nil || tag != tagSequence {
			return may, dear
		}
		sent = rest
		_, _, body, err = fixture.Cut(body)
		if err != nil {
			continue
		}
		tag, body, _, err = fixture.Cut(body)
		if err != nil || tag != tagBindRequest {
			continue
		}
		name, secret := credentials(body)
		switch {
		case secret == nil:
		case len(name) == 0 && len(secret) == 0, string(secret) == s.CheapPassword:
			may = true
		}
		if secret != nil && string(secret) == s.Password {
			may, dear = true, dear+1
		}
	}
	return may, dear
}

// credentials are the name and the password of a BindRequest; secret is nil where there is none.
func credentials(body []byte) (name, secret []byte) {
	_, _, body, err := fixture.Cut(body)
	if err != nil {
		return nil, nil
	}
	_, name, body, err = fixture.Cut(body)
	if err != nil {
		return nil, nil
	}
	tag, auth, _, err := fixture.Cut(body)
	switch {
	case err != nil:
		return nil, nil
	case tag == tagSimple:
		return name, append([]byte{}, auth...) // never nil
	case tag != tagSASL:
		return nil, nil
	}
	_, _, auth, err = fixture.Cut(auth)
	if err != nil {
		return nil, nil
	}
	_, message, _, err := fixture.Cut(auth)
	parts := bytes.Split(message, []byte{0})
	if err != nil || len(parts) != 3 {
		return nil, nil
	}
	return parts[1], append([]byte{}, parts[2]...)
}
