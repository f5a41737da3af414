package upstream

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

const (
	// maxAnswer bounds a message from a server. A bind response is some hundred
	// bytes, an entry without attributes hardly more.
	maxAnswer = 64 << 10
	// initialAnswer is the receive buffer of a connection; it grows up to maxAnswer.
	initialAnswer = 2 << 10
	// maxNotices bounds the notifications before an answer that are passed over.
	maxNotices = 8
	// partingTime bounds the farewell to a server on a healthy connection.
	partingTime = 100 * time.Millisecond
)

// A conn is a connection to a server. One goroutine uses it at a time, which
// reads and writes by itself; there is none behind it.
type conn struct {
	sock   *socket
	rw     net.Conn // sock, or TLS over it
	server *server
	reused bool // an answer has come over it before
	id     int32
	out    []byte
	in     []byte // in[start:end] has been received and not been looked at
	start  int
	end    int
	msg    ldapwire.Message

	idleSince time.Time
	expires   time.Time
}

// newConn begins with a message ID that is no other connection's. An answer that goes astray, to another connection or to a
// later request, then fits nowhere: with IDs from 1 on, a success of one user would fit the request of another.
func newConn(sock *socket, rw net.Conn, s *server) *conn {
	return &conn{sock: sock, rw: rw, server: s, id: rand.Int32N(1 << 30), in: make([]byte, initialAnswer), out: make([]byte, 0, 256)}
}

// A silence is the end of a connection that brought no byte of an answer.
type silence struct {
	err    error
	unsent bool // the request did not leave this machine
}

func (e *silence) Error() string { return e.err.Error() }
func (e *silence) Unwrap() error { return e.err }

func isSilence(err error) bool {
	if err == nil { // the usual case allocates nothing
		return false
	}
	var s *silence
	return errors.As(err, &s)
}

// isUnsent tells whether a request certainly reached nobody.
func isUnsent(err error) bool {
	if err == nil {
		return false
	}
	var s *silence
	return errors.As(err, &s) && s.unsent
}

// oidNoticeOfDisconnection is RFC 4511, section 4.4.1.
const oidNoticeOfDisconnection = "1.3.6.1.4.1.1466.20036"

// What a server may send that is never an answer.
var (
	errCutOff   = errors.New("the connection ended in the middle of an answer")
	errWrongID  = errors.New("the answer has another message ID than the request")
	errWrongOp  = errors.New("the answer is of the wrong kind")
	errTrailing = errors.New("there are bytes behind the answer")
	errNoAnswer = errors.New("no answer in time")
	errSaidBye  = errors.New("the server announced that it closes the connection")
	errUnasked  = errors.New("the server sent something unasked")
	errNoNotice = errors.New("the server sent a message with ID 0 that is no notice")
)

// nextID is the ID of the next message.
func (c *conn) nextID() int32 {
	if c.id == math.MaxInt32 {
		c.id = 0
	}
	c.id++
	return c.id
}

// alive tells whether an idle connection is still good: open, and with nothing
// sent by the server that nobody asked for. The deadline must lie in the future.
func (c *conn) alive() error {
	if c.sock.raw == nil {
		return nil
	}
	c.sock.probing = true
	n, err := c.rw.Read(c.in)
	c.sock.probing = false
	switch {
	case n > 0:
		return errUnasked
	case errors.Is(err, errQuiet):
		return nil
	}
	return err
}

// send writes what is in c.out and forgets it: it may hold a password.
func (c *conn) send() error {
	_, err := c.rw.Write(c.out)
	clear(c.out)
	c.out = c.out[:0]
	if err == nil {
		return nil
	}
	err = c.ended(err)
	if s := (*silence)(nil); errors.As(err, &s) {
		// A write that fails at once has given the kernel nothing: the connection had ended before. A request is far
		// smaller than what the kernel takes without waiting.
		s.unsent = true
	}
	return err
}

// receive reads the next message, which is the answer to the request with the
// current ID or an error. What it points to is valid until the next receive.
func (c *conn) receive() (*ldapwire.Message, error) {
	for notices := 0; ; {
		size, err := ldapwire.Size(c.in[c.start:c.end], maxAnswer)
		if err != nil {
			return nil, err
		}
		if size > 0 && size <= c.end-c.start {
			message := c.in[c.start : c.start+size]
			c.start += size
			m, err := c.decode(message)
			if m != nil || err != nil {
				return m, err
			}
			if notices++; notices > maxNotices {
				return nil, errUnasked
			}
			continue
		}
		c.makeRoom(size)
		n, err := c.rw.Read(c.in[c.end:])
		c.end += n
		if n == 0 && err != nil {
			return nil, c.ended(err)
		}
	}
}

// makeRoom makes place for a message of size bytes, or for the head of one.
func (c *conn) makeRoom(size int) {
	if c.start > 0 {
		c.end = copy(c.in, c.in[c.start:c.end])
		c.start = 0
	}
	if size > len(c.in) {
		c.in = append(make([]byte, 0, size), c.in[:c.end]...)[:size]
	}
}

// decode returns nothing at all for a notification that is passed over.
func (c *conn) decode(b []byte) (*ldapwire.Message, error) {
	m := &c.msg
	if err := m.Decode(b, nil); err != nil {
		return nil, err
	}
	if m.ID == 0 {
		// RFC 4511, section 4.4: an unsolicited notification. After the notice of disconnection nothing comes; the
		// others are advice.
		switch {
		case m.Op != ldapwire.OpExtendedResponse:
			return nil, errNoNotice
		case len(m.ResponseName) > 0 && string(m.ResponseName) != oidNoticeOfDisconnection:
			return nil, nil
		}
		return nil, &silence{err: fmt.Errorf("%w: %s %q", errSaidBye, m.Result.Code, printable(m.Result.Message))}
	}
	if m.ID != c.id {
		return nil, errWrongID
	}
	return m, nil
}

// ended says what the end of a connection means.
func (c *conn) ended(err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errNoAnswer
	case c.end > c.start, errors.Is(err, io.ErrUnexpectedEOF): // the latter from TLS
		return errCutOff
	case errors.Is(err, io.EOF):
		err = errors.New("the server closed the connection")
	}
	return &silence{err: err}
}

// drained tells whether everything received has been looked at. A connection
// of which that is not true has no future: what follows an answer is nothing
// that was asked for.
func (c *conn) drained() bool { return c.start == c.end }

// part says goodbye and closes: for a connection that is idle and healthy.
func (c *conn) part() {
	_ = c.rw.SetDeadline(time.Now().Add(partingTime))
	c.out = ldapwire.AppendUnbindRequest(c.out[:0], c.nextID())
	_, _ = c.rw.Write(c.out)
	c.drop()
}

// drop closes the socket without a word. TLS's own Close would wait for a
// server that does not read.
func (c *conn) drop() { _ = c.sock.Conn.Close() }
