package chaos

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// serveMessages passes requests and answers one at a time, each pair with at most one fault.
func (p *Proxy) serveMessages(client, server net.Conn) {
	requests, answers := bufio.NewReader(client), bufio.NewReader(server)
	for {
		request, err := fixture.ReadMessage(requests, mostOfMessage)
		if err != nil {
			if l, ok := client.(*line); ok && errors.Is(err, errEnded) {
				l.end()
			}
			return
		}
		e, ok := open(request)
		if !ok {
			return
		}
		x := exchange{p: p, client: client, requests: requests, server: server, answers: answers, request: request, e: e}
		possible := MessageFaults
		if e.tag == tagSearch {
			possible = searchRequestFaults
		}
		if !x.run(p.draw(possible)) {
			return
		}
	}
}

// An exchange is a request and the answer to it, of one message or of several.
type exchange struct {
	p        *Proxy
	client   net.Conn
	requests io.Reader // of the client
	server   net.Conn
	answers  io.Reader
	request  []byte
	e        envelope // of the request
	parts    [][]byte // the answer
}

// run passes it; false ends the connection.
func (x *exchange) run(f Fault) bool {
	if answerTag(x.e.tag) == 0 {
		_, _ = x.server.Write(x.request)
		return x.e.tag != tagUnbind
	}
	p := x.p
	switch f {
	case HangRequest:
		return x.silent()
	case CutRequest:
		_, _ = x.server.Write(x.request[:p.dice.n(len(x.request))])
		if p.dice.n(2) == 0 {
			reset(x.client)
		}
		return false
	case OtherResult:
		return x.send(p.otherResult(x.e))
	case Referral:
		code := []byte{10, 0}[p.dice.n(2)] // success that refers elsewhere is none
		return x.send(answer(x.e.id, answerTag(x.e.tag), code, "", "ldap://elsewhere.example.com/dc=example,dc=com"))
	}
	if !x.ask(f) {
		return false
	}
	return x.tell(f)
}

// ask passes the request and reads the whole answer.
func (x *exchange) ask(f Fault) bool {
	if _, err := x.server.Write(x.request); err != nil {
		return false
	}
	x.p.note(x.e)
	if f == HalfClose && x.p.dice.n(2) == 0 {
		halfClose(x.server)
	}
	x.p.mu.Lock()
	rewrite := x.p.rewrite
	x.p.mu.Unlock()
	for {
		part, err := fixture.ReadMessage(x.answers, mostOfMessage)
		if err != nil {
			return false
		}
		if rewrite != nil {
			part = rewrite(part)
		}
		x.parts = append(x.parts, part)
		if e, ok := open(part); !ok || e.tag == answerTag(x.e.tag) || e.id == 0 {
			return true
		}
	}
}

// note counts a bind.
func (p *Proxy) note(e envelope) {
	if bind, ok := e.bind(); ok {
		p.mu.Lock()
		p.delivered[bind]++
		p.mu.Unlock()
	}
}

// last is the message that ends the answer.
func (x *exchange) last() []byte { return x.parts[len(x.parts)-1] }

// some is one of the messages of the answer.
func (x *exchange) some() *[]byte { return &x.parts[x.p.dice.n(len(x.parts))] }

// whole is the answer as bytes.
func (x *exchange) whole() []byte {
	var b []byte
	for _, part := range x.parts {
		b = append(b, part...)
	}
	return b
}

// tell passes the answer, or what a fault makes of it.
func (x *exchange) tell(f Fault) bool {
	p := x.p
	p.remember(x.last())
	switch f {
	case DelayAnswer:
		p.sleep(p.briefly())
	case LateAnswer:
		p.sleep(p.o.Patience + p.o.Patience/4)
	case HangAnswer:
		return x.silent()
	case HangMid:
		_, _ = x.client.Write(x.beginning())
		return x.silent()
	case CutAnswer:
		_, _ = x.client.Write(x.beginning())
		return false
	case ResetAnswer:
		_, _ = x.client.Write(x.beginning())
		reset(x.client)
		return false
	case Junk:
		junk := make([]byte, 1+p.dice.n(64))
		for i := range junk {
			junk[i] = byte(p.dice.n(256))
		}
		junk[0] = 0xff // no result code, and the end of no text
		_, _ = x.client.Write(append(x.beginning(), junk...))
		return x.silent()
	case WrongID:
		part := x.some()
		e, _ := open(*part)
		wrong := []int64{e.id + 1, e.id - 1, e.id ^ 0x40, int64(1 + p.dice.n(1<<20)), 0, -1}[p.dice.n(6)]
		*part = seal(wrong, e.body)
	case Replay:
		if earlier := p.earlier(x.last()); earlier != nil {
			x.parts = [][]byte{earlier, x.whole()}
		}
	case Twice:
		x.parts = append(x.parts, x.last())
	case Swap:
		x.parts = [][]byte{p.swap(x.whole())}
	case NoticeBefore:
		_, _ = x.client.Write(append(notice(oidDisconnection), x.whole()...))
		return false
	case NoticeInstead:
		_, _ = x.client.Write(notice(oidDisconnection))
		return false
	case UnknownNotice:
		x.parts = [][]byte{notice(oidNobodyKnows), x.whole()}
	case OtherKind:
		others := []byte{tagBindAnswer, tagSearchDone, tagExtAnswer, 0x67, 0x69, 0x6b, 0x6d, 0x6f}
		tag := others[p.dice.n(len(others))]
		if tag == answerTag(x.e.tag) {
			tag = 0x67
		}
		x.parts[len(x.parts)-1] = answer(x.e.id, tag, 0, "")
	case HalfClose:
		defer halfClose(x.client)
	case Flip:
		x.flip()
	case Truncated:
		codes := []byte{3, 4, 11}
		some := x.parts[:p.dice.n(len(x.parts))]
		x.parts = append(slices.Clone(some), answer(x.e.id, answerTag(x.e.tag), codes[p.dice.n(len(codes))], ""))
	case LostCookie:
		e, _ := open(x.last())
		x.parts[len(x.parts)-1] = seal(e.id, fixture.TLV(e.tag, e.op))
	case JunkCookie:
		junk := fmt.Sprintf("junk-%d", p.dice.n(1000))
		paging := fixture.TLV(tagSequence, fixture.TLV(4, []byte("1.2.840.113556.1.4.319")), fixture.TLV(4, fixture.TLV(tagSequence, fixture.TLV(tagInteger, []byte{0}), fixture.TLV(4, []byte(junk)))))
		e, _ := open(x.last())
		x.parts[len(x.parts)-1] = seal(e.id, append(fixture.TLV(e.tag, e.op), fixture.TLV(0xa0, paging)...))
	case SlowAnswer:
		pause := time.Second / time.Duration(rates[p.dice.n(len(rates))])
		_, err := p.writeSlowly(x.client, x.whole(), pause)
		return err == nil
	}
	return x.send(x.whole())
}

// beginning is some of the answer, and never all of it.
func (x *exchange) beginning() []byte {
	whole := x.whole()
	if x.p.dice.n(3) == 0 {
		return nil
	}
	return whole[:x.p.dice.n(len(whole))]
}

// flip flips a bit where LDAP can notice it: in the tag of a message, of its operation or of the result code. A bit
// of the code itself could make a success of a refusal.
func (x *exchange) flip() {
	part := *x.some()
	_, inner, _, _ := element(part)
	_, _, body, _ := element(inner)
	_, content, _, ok := element(body)
	places := []int{0, len(part) - len(body)}
	if ok && len(content) > 0 {
		places = append(places, cap(part)-cap(content))
	}
	part[places[x.p.dice.n(len(places))]] ^= 1 << x.p.dice.n(8)
}

func (x *exchange) send(b []byte) bool {
	_, err := x.client.Write(b)
	return err == nil
}

// silent swallows what the client sends until it leaves.
func (x *exchange) silent() bool {
	_, _ = io.Copy(io.Discard, x.requests)
	return false
}

// otherResult is an answer by which a server speaks about itself.
func (p *Proxy) otherResult(e envelope) []byte {
	results := []struct {
		code byte
		text string
	}{
		{51, ""}, {51, "00002024: LdapErr: DSID-0C060660, comment: no more connections, data 0, v4563"}, {52, "shutting down"},
		{52, "0000200E: LdapErr: DSID-0C0904DC, comment: The directory service is busy, data 0, v4563"}, {53, "operation restricted"}, {1, "backend failed"},
		{8, "00002028: LdapErr: DSID-0C090257, comment: The server requires binds to turn on integrity checking if SSL\\TLS are not already active on the connection, data 0, v4563"},
		{80, "internal error"}, {2, "no"}, {3, ""}, {11, ""}, {13, "TLS confidentiality required"},
	}
	r := results[p.dice.n(len(results))]
	return answer(e.id, answerTag(e.tag), r.code, r.text)
}

// maxHistory bounds what is remembered for Replay.
const maxHistory = 512

// remember keeps the end of an answer as it was sent.
func (p *Proxy) remember(message []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.history) >= maxHistory {
		p.history = p.history[maxHistory/4:]
	}
	p.history = append(p.history, append([]byte(nil), message...))
}

// earlier is an answer of the past that says the opposite of this one: under the same message ID where there
// was one, else any.
func (p *Proxy) earlier(message []byte) []byte {
	now, _ := open(message)
	code, _ := now.code()
	p.mu.Lock()
	defer p.mu.Unlock()
	var any []byte
	for i := len(p.history) - 1; i >= 0; i-- {
		then, ok := open(p.history[i])
		was, has := then.code()
		if !ok || !has || then.tag != now.tag || was == code {
			continue
		}
		if then.id == now.id {
			return p.history[i]
		}
		if any == nil {
			any = p.history[i]
		}
	}
	return any
}

// A swapper waits for somebody to swap answers with.
type swapper struct {
	mine   []byte
	theirs chan []byte
}

// swap exchanges an answer with another connection's, if one comes soon.
func (p *Proxy) swap(mine []byte) []byte {
	p.mu.Lock()
	if other := p.parked; other != nil {
		p.parked = nil
		p.mu.Unlock()
		other.theirs <- mine
		return other.mine
	}
	this := &swapper{mine, make(chan []byte, 1)}
	p.parked = this
	p.mu.Unlock()
	timer := time.NewTimer(100 * time.Millisecond)
	defer timer.Stop()
	select {
	case theirs := <-this.theirs:
		return theirs
	case <-timer.C:
	case <-p.ending:
	}
	p.mu.Lock()
	alone := p.parked == this
	if alone {
		p.parked = nil
	}
	p.mu.Unlock()
	if alone {
		return mine
	}
	return <-this.theirs
}

// strip answers StartTLS as somebody does who wants to read on: with a refusal, with an answer of another kind, or by going on in clear. A bind that
// comes all the same counts as delivered.
func (p *Proxy) strip(client net.Conn, how int) {
	request, err := fixture.ReadMessage(client, mostOfMessage)
	if err != nil {
		return
	}
	e, _ := open(request)
	switch how {
	case 0:
		_, _ = client.Write(answer(e.id, tagExtAnswer, 2, "unsupported extended operation"))
	case 1:
		_, _ = client.Write(answer(e.id, tagBindAnswer, 0, ""))
	default:
		_, _ = client.Write(append(answer(e.id, tagExtAnswer, 0, ""), answer(e.id+1, tagBindAnswer, 0, "")...))
	}
	for {
		message, err := fixture.ReadMessage(client, mostOfMessage)
		if err != nil {
			break
		}
		if e, ok := open(message); ok {
			p.note(e)
		}
	}
	hang(client)
}
