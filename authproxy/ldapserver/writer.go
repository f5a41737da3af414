package ldapserver

import (
	"errors"
	"slices"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// flushAt is the number of bytes from which answers are written without
// waiting for more of them.
const flushAt = 16 << 10

// errNobodyWaits is why Entry takes no more entries: the client abandoned or
// cancelled the request.
var errNobodyWaits = errors.New("ldapserver: the request was abandoned")

// errOver is why Entry takes no more entries: the client is gone, or did not
// read for longer than WriteTimeout.
var errOver = errors.New("ldapserver: the connection is over")

// A ResponseWriter takes the responses to one request. It collects them and
// writes them when no further request is at hand, or when 16 KiB have come
// together, so that the answers to pipelined requests share a write. It is
// valid until Serve returns, and for one goroutine at a time.
type ResponseWriter struct {
	x     *exchange
	out   []byte
	code  ldapwire.ResultCode
	text  string // the diagnostic message that was given with it
	final bool   // the final response was given

	entries int // how many entries and references were sent

	// held are the answers to earlier requests at the head of out. The
	// goroutine that takes the reading over writes them, so that they do not
	// wait for a long request that happened to come in the same segment.
	held     []byte
	heldSent chan struct{} // guarded by conn.mu; made when held was taken, closed when it was written
}

// Result sends the final response, of the type that fits the request.
func (w *ResponseWriter) Result(code ldapwire.ResultCode, matchedDN, diagnostic string, controls ...ldapwire.Control) {
	if !w.finish(&code, diagnostic) {
		return
	}
	w.out = appendResult(w.out, w.x.id, w.x.op, code, matchedDN, diagnostic, controls...)
}

// Bind sends the final response to a bind, without SASL credentials.
func (w *ResponseWriter) Bind(code ldapwire.ResultCode, diagnostic string, controls ...ldapwire.Control) {
	if !w.finish(&code, diagnostic) {
		return
	}
	w.out = ldapwire.AppendBindResponse(w.out, w.x.id, code, diagnostic, nil, controls...)
}

// Extended sends the final response to an extended operation. An empty name
// and a nil value are left out.
func (w *ResponseWriter) Extended(code ldapwire.ResultCode, diagnostic, name string, value []byte) {
	if !w.finish(&code, diagnostic) {
		return
	}
	w.out = ldapwire.AppendExtendedResponse(w.out, w.x.id, code, diagnostic, name, value)
}

// Entry sends one SearchResultEntry or SearchResultReference, which add has to
// append to dst for the message ID id. The error says that nothing more needs
// to be sent: the client is gone, does not read, or has abandoned the search.
// Entry blocks while the client does not read, for at most WriteTimeout.
func (w *ResponseWriter) Entry(add func(dst []byte, id int32) []byte) error {
	if w.x.flags.Load() != 0 {
		return errNobodyWaits
	}
	if w.x.conn.over.Load() {
		return errOver
	}
	w.out = add(w.out, w.x.id)
	w.entries++
	if len(w.out) < flushAt {
		return nil
	}
	return w.flush()
}

// Sent returns the result code of the final response, and whether there was
// one yet.
func (w *ResponseWriter) Sent() (code ldapwire.ResultCode, ok bool) { return w.code, w.final }

// Diagnostic is the diagnostic message of the final response.
func (w *ResponseWriter) Diagnostic() string { return w.text }

// Entries is how many entries and references were sent.
func (w *ResponseWriter) Entries() int { return w.entries }

// finish notes the final response and tells whether it is to be sent.
func (w *ResponseWriter) finish(code *ldapwire.ResultCode, text string) bool {
	if w.final {
		w.x.conn.srv.log.Error("a handler answered a request twice; the second answer was dropped",
			"operation", w.x.kind.String(), "first", w.code.String(), "second", code.String())
		return false
	}
	flags := w.x.flags.Load()
	// A search and a comparison change nothing: once cancelled, whatever they
	// came to, they were cancelled. What an update has done stays done.
	if flags&canceled != 0 && (w.x.op == ldapwire.OpSearchRequest || w.x.op == ldapwire.OpCompareRequest) {
		*code = ldapwire.Canceled
	}
	w.final = true
	w.code, w.text = *code, text
	return flags&abandoned == 0
}

// start makes w ready for the next request. What it holds already are the
// answers to earlier ones.
func (w *ResponseWriter) start() {
	w.code, w.text, w.final, w.entries = 0, "", false, 0
	w.held, w.heldSent = w.out, nil
}

// flush writes what has come together.
func (w *ResponseWriter) flush() error {
	out := w.unsent()
	if len(out) == 0 {
		return nil
	}
	err := w.x.conn.write(out)
	w.out = w.out[:0]
	if err != nil {
		return errOver
	}
	return nil
}

// unsent returns what has come together, without what the reader sends, for
// which it waits: answers go out in the order of their requests.
func (w *ResponseWriter) unsent() []byte {
	held := len(w.held)
	if held == 0 {
		return w.out
	}
	w.x.conn.mu.Lock()
	sent := w.heldSent
	w.held = nil
	w.x.conn.mu.Unlock()
	if sent == nil {
		return w.out
	}
	<-sent
	return w.out[held:]
}

// takeHeld returns a copy of the answers that w would send later, and what to
// close when they are written; nil without any. The connection's mu is held.
func (w *ResponseWriter) takeHeld() (held []byte, sent chan struct{}) {
	if len(w.held) == 0 || w.heldSent != nil {
		return nil, nil
	}
	w.heldSent = make(chan struct{})
	return slices.Clone(w.held), w.heldSent
}

// appendResult appends the plain response to a request of the operation op.
func appendResult(dst []byte, id int32, op ldapwire.Op, code ldapwire.ResultCode, matchedDN, diagnostic string, controls ...ldapwire.Control) []byte {
	switch op {
	case ldapwire.OpBindRequest:
		return ldapwire.AppendBindResponse(dst, id, code, diagnostic, nil, controls...)
	case ldapwire.OpExtendedRequest:
		return ldapwire.AppendExtendedResponse(dst, id, code, diagnostic, "", nil, controls...)
	case ldapwire.OpDelRequest:
		return ldapwire.AppendResult(dst, id, ldapwire.OpDelResponse, code, matchedDN, diagnostic, controls...)
	case ldapwire.OpSearchRequest:
		return ldapwire.AppendResult(dst, id, ldapwire.OpSearchResultDone, code, matchedDN, diagnostic, controls...)
	}
	// The response to every other request has the next tag.
	return ldapwire.AppendResult(dst, id, op+1, code, matchedDN, diagnostic, controls...)
}
