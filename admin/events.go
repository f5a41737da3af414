package admin

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// The server-sent events of a run.
const (
	eventProgress = "progress"
	eventReport   = "report"
	eventProblem  = "problem"
)

// progressEvery bounds how often progress is told: a source of 100,000 rows need not
// make 100,000 events.
const progressEvery = 100 * time.Millisecond

// eventTimeout bounds how long a client may take to read one event.
const eventTimeout = 30 * time.Second

// events writes server-sent events (WHATWG HTML, section 9.2). A client that is gone
// is noticed by the context of the request, not here.
type events struct {
	w     io.Writer
	flush func()
	limit func(time.Time) error // of the time for writing
	last  time.Time
	phase string
}

// eventStream describes an answer that is server-sent events.
func eventStream() map[string]*huma.Response {
	return map[string]*huma.Response{"200": {Description: "Server-sent events",
		Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}}}}
}

func newEvents(hc huma.Context) *events {
	hc.SetHeader("Content-Type", "text/event-stream")
	hc.SetHeader("X-Content-Type-Options", "nosniff")
	hc.SetStatus(http.StatusOK)
	e := &events{w: hc.BodyWriter(), flush: func() {}, limit: func(time.Time) error { return nil }}
	if w, ok := e.w.(http.ResponseWriter); ok {
		e.limit = http.NewResponseController(w).SetWriteDeadline
	}
	if f, ok := e.w.(http.Flusher); ok {
		e.flush = f.Flush
	}
	e.flush() // the client sees that the run has begun
	return e
}

// progress tells the first and the last of a phase, and some in between.
func (e *events) progress(p Progress) {
	now := time.Now()
	if p.Phase == e.phase && now.Sub(e.last) < progressEvery && (p.Total == 0 || p.Done < p.Total) {
		return
	}
	e.phase, e.last = p.Phase, now
	e.send(eventProgress, p)
}

func (e *events) send(name string, data any) {
	text, err := json.Marshal(data) // one line: JSON escapes line breaks
	if err != nil {
		text = fmt.Appendf(nil, `{"detail":%q}`, err.Error())
		name = eventProblem
	}
	e.write(fmt.Appendf(nil, "event: %s\ndata: %s\n\n", name, text))
}

// comment says nothing but that the server is there.
func (e *events) comment() { e.write([]byte(": alive\n\n")) }

// write gives a client that does not read eventTimeout; after that the context of its request ends.
func (e *events) write(text []byte) {
	_ = e.limit(time.Now().Add(eventTimeout)) // where there is no connection, there is none to wait for
	_, _ = e.w.Write(text)
	e.flush()
}

// close leaves the connection without a limit for the next answer.
func (e *events) close() { _ = e.limit(time.Time{}) }
