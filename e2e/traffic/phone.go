package traffic

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"syscall"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// A Question is a request with the answer that it must get.
type Question struct {
	Name    string
	Request func(id int) []byte
	// Right says what is wrong with an answer; nil: nothing.
	Right func(fixture.Answer) error
}

// A Line is how phones reach the server.
type Line struct {
	Address string
	TLS     *tls.Config // nil: in the clear
}

// patience is how long a phone waits for anything.
const patience = 60 * time.Second

// wayOff is how long it may take from the look for a notice to the request in the socket: longer, and the notice may have come long
// before the request was sent.
const wayOff = 100 * time.Millisecond

// A phone is one connection after the other.
type phone struct {
	line   Line
	asks   []Question
	rest   time.Duration // between questions, on average
	random *rand.Rand
	tally  *Tally

	raw *net.TCPConn
	nc  net.Conn
	in  *bufio.Reader
	id  int
}

// run asks until ctx ends. What is outstanding then is awaited.
func (p *phone) run(ctx context.Context) {
	defer p.hangUp()
	for ctx.Err() == nil {
		if p.nc == nil && !p.dial(ctx) {
			continue
		}
		looked := time.Now()
		if p.heard() {
			p.goodbye()
			continue
		}
		p.ask(looked, p.asks[p.random.IntN(len(p.asks))])
		if p.rest > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(time.Duration(p.random.Int64N(int64(2 * p.rest)))):
			}
		}
	}
}

// dial connects, and counts what that costs. It is never refused.
func (p *phone) dial(ctx context.Context) bool {
	start := time.Now()
	dialer := net.Dialer{Timeout: patience}
	c, err := dialer.DialContext(context.WithoutCancel(ctx), "tcp", p.line.Address)
	if err == nil {
		p.raw = c.(*net.TCPConn)
		_ = c.SetDeadline(time.Now().Add(patience))
		if p.line.TLS != nil {
			secured := tls.Client(c, p.line.TLS)
			if err = secured.Handshake(); err == nil {
				c = secured
			}
		}
	}
	if err != nil {
		p.tally.fail("connect", err)
		return false
	}
	p.nc, p.in, p.id = c, bufio.NewReader(c), 0
	p.tally.connected(time.Since(start))
	return true
}

// heard tells whether something lies in the socket, which can only be a notice of disconnection, or the end.
func (p *phone) heard() bool {
	raw, err := p.raw.SyscallConn()
	if err != nil {
		return true
	}
	heard := true
	var b [1]byte
	cerr := raw.Control(func(fd uintptr) {
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		heard = n >= 0 && !errors.Is(err, syscall.EAGAIN)
	})
	return heard || cerr != nil
}

// goodbye reads the notice that was heard while nothing was asked.
func (p *phone) goodbye() {
	a, err := fixture.ReadAnswer(p.in)
	switch {
	case err != nil:
		p.tally.fail("hung up on while idle, without a notice", err)
	case !a.Notice():
		p.tally.fail("told something that was not asked", fmt.Errorf("%+v", a))
	default:
		p.tally.noticed()
	}
	p.hangUp()
}

// ask sends a request, and awaits its answer, also behind a notice that crosses it. Nothing was heard when it was looked for last.
func (p *phone) ask(looked time.Time, q Question) {
	p.id++
	start := time.Now()
	_ = p.nc.SetDeadline(start.Add(patience))
	_, err := p.nc.Write(q.Request(p.id))
	onItsWay := time.Since(looked)
	p.tally.asked()
	crossed := false
	for err == nil {
		var a fixture.Answer
		if a, err = fixture.ReadAnswer(p.in); err != nil {
			break
		}
		if a.Notice() {
			crossed = true
			continue
		}
		switch wrong := q.Right(a); {
		case a.ID != p.id:
			p.tally.fail("an answer to something else", fmt.Errorf("%d, want %d", a.ID, p.id))
		case wrong != nil:
			p.tally.fail("a wrong answer to "+q.Name, wrong)
		default:
			p.tally.answered(time.Since(start))
		}
		if crossed {
			p.tally.crossed()
			p.hangUp()
		}
		return
	}
	if crossed && onItsWay > wayOff {
		p.tally.late()
	} else {
		p.tally.fail("no answer to "+q.Name, fmt.Errorf("%w (notice: %t)", cut(err), crossed))
	}
	p.hangUp()
}

func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("the connection ended")
	}
	return err
}

func (p *phone) hangUp() {
	if p.nc != nil {
		p.nc.Close()
		p.nc = nil
	}
}
