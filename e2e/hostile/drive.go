package hostile

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Transport is how a server is reached.
type Transport byte

// The transports.
const (
	Plain Transport = iota
	StartTLS
	LDAPS
)

func (t Transport) String() string { return [...]string{"plain", "StartTLS", "LDAPS"}[t] }

// A Target is a server under attack.
type Target struct {
	Address, TLSAddress string
	TLS                 *tls.Config
	Subject             *Subject
	// Private is what no answer may hold.
	Private []string
	// Closed says that nobody who is not bound may see an entry, but the root DSE and the schema.
	Closed bool
	// Patience is how long an answer is waited for that must come, Wait how long one that may.
	Patience, Wait time.Duration
	// Parallel is how many connections are open at a time.
	Parallel int
}

// A Tally is how cases ended.
type Tally struct {
	Cases    int
	Notices  int // the Notice of Disconnection
	Results  int
	Closes   int // without a word
	Silences int // nothing within Wait
	Unheard  int // the client did not listen
	Refused  int // no connection came about
	Dear     int // binds with the account's own right password that were sent
	Admitted int // of these, those that were heard to be accepted

	Odd  Faults // not what RFC 4511 says
	Harm Faults // what no server may do
}

// Faults are those found, the first of them in words.
type Faults struct {
	Count int
	First []string
}

func (f *Faults) add(c *Case, format string, args ...any) {
	if f.Count++; len(f.First) < 8 {
		f.First = append(f.First, c.String()+": "+fmt.Sprintf(format, args...))
	}
}

// Add adds the numbers of another tally.
func (t *Tally) Add(o *Tally) {
	t.Cases += o.Cases
	t.Notices += o.Notices
	t.Results += o.Results
	t.Closes += o.Closes
	t.Silences += o.Silences
	t.Unheard += o.Unheard
	t.Refused += o.Refused
	t.Dear += o.Dear
	t.Admitted += o.Admitted
	for _, pair := range [][2]*Faults{{&t.Odd, &o.Odd}, {&t.Harm, &o.Harm}} {
		pair[0].Count += pair[1].Count
		pair[0].First = append(pair[0].First, pair[1].First...)
		pair[0].First = pair[0].First[:min(len(pair[0].First), 8)]
	}
}

func (t *Tally) String() string {
	return fmt.Sprintf("%d cases: %d notices, %d results, %d closed, %d silent, %d not heard, %d odd, %d harmful",
		t.Cases, t.Notices, t.Results, t.Closes, t.Silences, t.Unheard, t.Odd.Count, t.Harm.Count)
}

// Source is an address of this machine, another for each of some thousands of numbers: 127.1.0.1 and on.
func Source(n int) net.IP { return net.IPv4(127, 1+byte(n/60000%100), byte(n/250), 1+byte(n%250)) }

// sources is how many addresses the cases come from.
const sources = 50

// Drive sends the cases, each on a connection of its own, and tells how they ended.
func (t *Target) Drive(ctx context.Context, transport Transport, cases []Case) *Tally {
	var next atomic.Int64
	var mu sync.Mutex
	total := &Tally{}
	var workers sync.WaitGroup
	for range max(1, t.Parallel) {
		workers.Go(func() {
			mine := &Tally{}
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(cases) {
					break
				}
				t.drive(ctx, transport, Source(i%sources), &cases[i], mine)
			}
			mu.Lock()
			defer mu.Unlock()
			total.Add(mine)
		})
	}
	workers.Wait()
	return total
}

// Dial opens a connection from a source; its end is a reset, which leaves neither side with anything to remember.
func (t *Target) Dial(ctx context.Context, transport Transport, source net.IP) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, t.Patience)
	defer cancel()
	address := t.Address
	if transport == LDAPS {
		address = t.TLSAddress
	}
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: source}}
	raw, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	_ = raw.(*net.TCPConn).SetLinger(0)
	_ = raw.SetDeadline(time.Now().Add(t.Patience))
	if transport == Plain {
		return raw, nil
	}
	if transport == StartTLS {
		s := &stream{Conn: raw}
		if _, err = raw.Write(message(1, extended(oidStartTLS))); err == nil {
			_, err = s.expect(1, 0, t.Patience)
		}
	}
	secured := tls.Client(raw, t.TLS)
	if err == nil {
		err = secured.HandshakeContext(ctx)
	}
	if err != nil {
		raw.Close()
		return nil, err
	}
	return secured, nil
}

// expect reads the result of a request, which must be a certain one.
func (s *stream) expect(id int64, code int, patience time.Duration) (*Reply, error) {
	for {
		r, err := s.next(time.Now().Add(patience))
		if err != nil {
			return nil, err
		}
		if r.ID == id && r.Final() {
			if r.Code != code {
				return r, fmt.Errorf("result %d (%s), not %d", r.Code, r.Diagnostic, code)
			}
			return r, nil
		}
		if r.Notice() {
			return r, fmt.Errorf("a notice: %d, %s", r.Code, r.Diagnostic)
		}
	}
}

func (t *Target) drive(ctx context.Context, transport Transport, source net.IP, c *Case, into *Tally) {
	into.Cases++
	conn, err := t.Dial(ctx, transport, source)
	if err != nil {
		into.Refused++
		into.Odd.add(c, "no connection: %v", err)
		return
	}
	defer conn.Close()
	s := &stream{Conn: conn}
	if c.Bound {
		_, _ = conn.Write(message(1, simpleBind(3, t.Subject.Cheap, t.Subject.CheapPassword)))
		if _, err := s.expect(1, 0, t.Patience); err != nil {
			into.Odd.add(c, "no login: %v", err)
			return
		}
	}
	_, dear := t.Subject.legal(slices.Concat(c.Parts...))
	into.Dear += dear
	for i, part := range c.Parts {
		if i > 0 {
			time.Sleep(200 * time.Microsecond)
		}
		if part == nil { // the answer comes first
			if _, err := s.next(time.Now().Add(t.Patience)); err != nil {
				into.Odd.add(c, "no answer in between: %v", err)
			}
			continue
		}
		if _, err := conn.Write(part); err != nil {
			break // it has closed already, and what it said is there to be read
		}
	}
	switch c.End {
	case Reset:
		into.Unheard++
		return
	case Finish:
		if half, ok := conn.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
	}
	t.hear(s, c, into)
}

// hear listens to the end of a case and judges what it heard.
func (t *Target) hear(s *stream, c *Case, into *Tally) {
	var notice, result *Reply
	end := false
	by := time.Now().Add(t.Wait)
	if c.Want != Any {
		by = time.Now().Add(t.Patience)
	}
	for !end && (result == nil || c.Want == Notice || c.Want == TheEnd) {
		r, err := s.next(by)
		switch {
		case errors.Is(err, io.EOF):
			end = true
			continue
		case errors.Is(err, os.ErrDeadlineExceeded):
			t.count(c, into, notice, result, false)
			return
		case err != nil:
			into.Harm.add(c, "%v", err)
			return
		}
		t.inspect(s, c, r, notice, into)
		switch {
		case r.Notice():
			notice = r
			by = time.Now().Add(t.Patience) // the end has to follow
		case r.Final() && (c.Want != Result || c.ID == 0 || r.ID == c.ID):
			result = r
		}
	}
	t.count(c, into, notice, result, end)
}

// inspect looks for what no answer may be.
func (t *Target) inspect(s *stream, c *Case, r, notice *Reply, into *Tally) {
	if notice != nil {
		into.Harm.add(c, "message %d came after the notice of disconnection", r.ID)
	}
	if r.Notice() && (r.Tag != tagExtendedDone || r.Name != oidNotice) {
		into.Harm.add(c, "message 0 is operation %#x, %q", r.Tag, r.Name)
	}
	sent := slices.Concat(c.Parts...)
	may, dear := t.Subject.legal(sent)
	if r.Tag == tagBindResponse && r.Code == 0 {
		switch {
		case !may:
			into.Harm.add(c, "a bind was accepted that is none")
		case dear == 1 && len(c.Parts) <= 2 && c.Class != Random: // otherwise it may have been another
			into.Admitted++
		}
	}
	if t.Closed && !c.Bound && !may && r.Tag == tagSearchEntry && r.DN != "" && r.DN != "cn=subschema" {
		into.Harm.add(c, "nobody was given the entry %s", r.DN)
	}
	for _, private := range t.Private { // what the client sent itself is no news to it
		if bytes.Contains(s.raw, []byte(private)) && !bytes.Contains(sent, []byte(private)) {
			into.Harm.add(c, "the answer holds %q", private)
		}
	}
}

func (t *Target) count(c *Case, into *Tally, notice, result *Reply, end bool) {
	switch {
	case notice != nil:
		into.Notices++
	case result != nil:
		into.Results++
	case end:
		into.Closes++
	default:
		into.Silences++
	}
	switch c.Want {
	case Notice:
		if notice == nil || !end {
			into.Odd.add(c, "no notice of disconnection and end: %s", told(notice, result, end))
		}
	case Answer:
		if notice == nil && result == nil {
			into.Odd.add(c, "no answer: %s", told(notice, result, end))
		}
	case Result:
		if result == nil || len(c.Codes) > 0 && !slices.Contains(c.Codes, result.Code) {
			into.Odd.add(c, "not result %v: %s", c.Codes, told(notice, result, end))
		}
	case TheEnd:
		if !end || notice != nil || result != nil {
			into.Odd.add(c, "not the end alone: %s", told(notice, result, end))
		}
	case Any:
		// A server that wants to hear no more says so, unless the client said that it is going.
		if end && notice == nil && result == nil && c.End == Wait && !bytes.Contains(slices.Concat(c.Parts...), []byte{tagUnbind}) {
			into.Odd.add(c, "closed without a word")
		}
	}
}

func told(notice, result *Reply, end bool) string {
	switch {
	case notice != nil:
		return fmt.Sprintf("a notice (%d, %s), closed: %t", notice.Code, notice.Diagnostic, end)
	case result != nil:
		return fmt.Sprintf("result %d (%s) of message %d, closed: %t", result.Code, result.Diagnostic, result.ID, end)
	case end:
		return "closed without a word"
	}
	return "nothing"
}
