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

// events writes server-sent events (WHATWG HTML, section 9.2). A client that is gone
// is noticed by the context of the request, not here.
type events struct {
	w     io.Writer
	flush func()
	last  time.Time
	phase string
}

func newEvents(hc huma.Context) *events {
	hc.SetHeader("Content-Type", "text/event-stream")
	hc.SetHeader("X-Content-Type-Options", "nosniff")
	hc.SetStatus(http.StatusOK)
	e := &events{w: hc.BodyWriter(), flush: func() {}}
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
	fmt.Fprintf(e.w, "event: %s\ndata: %s\n\n", name, text)
	e.flush()
}
