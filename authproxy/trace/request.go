package trace

import (
	"strconv"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapserver"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/refusals"
)

// A Request is one that somebody follows. A nil one is one that nobody does: its methods do nothing.
type Request struct {
	conn      *ldapserver.Conn
	message   int32
	what      string
	start     time.Time
	followers []*Follower
	end       []Attr // for the result
}

// Begin tells those who follow it of a request; it returns nil where nobody does. account returns the key of the account that it is of,
// or is about where it is a bind; it is called only where somebody follows an account.
func (h *Hub) Begin(c *ldapserver.Conn, m *ldapwire.Message, account func() string) *Request {
	followers := h.of(c.RemoteAddr().Addr(), account)
	with := followers[:0]
	for _, f := range followers {
		if f.room() {
			with = append(with, f)
		}
	}
	if len(with) == 0 {
		return nil
	}
	r := &Request{conn: c, message: m.ID, start: time.Now(), followers: with}
	var attrs []Attr
	r.what, attrs = Words(m)
	for _, f := range with {
		f.introduce(c)
	}
	r.tell("request", r.what, attrs)
	return r
}

// Step tells of a step of what was done for a request, and how long it took; below 0: that does not matter.
func (r *Request) Step(what string, took time.Duration, attrs ...Attr) {
	if r == nil {
		return
	}
	if took >= 0 {
		attrs = append(attrs, Attr{"ms", milliseconds(took)})
	}
	r.tell("step", what, attrs)
}

// Because notes what the result shall say beside what the client is told.
func (r *Request) Because(attrs ...Attr) {
	if r != nil {
		r.end = append(r.end, attrs...)
	}
}

// End tells of the result, as it was sent.
func (r *Request) End(w *ldapserver.ResponseWriter) {
	if r == nil {
		return
	}
	code, _ := w.Sent()
	attrs := result(code, w.Diagnostic())
	if r.what == "search" {
		attrs = append(attrs, Attr{"entries", strconv.Itoa(w.Entries())})
	}
	for _, a := range r.end {
		if a.Value != "" {
			attrs = append(attrs, Attr{a.Key, refusals.Shown(a.Value)})
		}
	}
	r.tell("result", r.what, append(attrs, Attr{"ms", milliseconds(time.Since(r.start))}))
}

func (r *Request) tell(kind, what string, attrs []Attr) {
	e := event(r.conn, kind, what, attrs...)
	e.Message = r.message
	for _, f := range r.followers {
		f.tell(e)
	}
}

// result says what a client was told.
func result(code ldapwire.ResultCode, text string) []Attr {
	attrs := []Attr{{"code", strconv.Itoa(int(code)) + " " + code.String()}}
	if text != "" {
		attrs = append(attrs, Attr{"text", refusals.Shown(text)})
	}
	return attrs
}

func milliseconds(d time.Duration) string {
	return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', -1, 64)
}
