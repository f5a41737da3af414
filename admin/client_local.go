package admin

import (
	"io"
	"net/http"
	"sync"
)

// NewLocalClient returns a client of an API in the same process: what the page asks. Who
// asks is what the context of each call says (access.With).
func NewLocalClient(api http.Handler) *Client {
	return &Client{http: &http.Client{Transport: handlerTransport{api}}}
}

// A handlerTransport lets a handler answer without a connection. Answers that stream do.
type handlerTransport struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (t handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	body, w := io.Pipe()
	answer := &pipedAnswer{header: http.Header{}, body: w, begun: make(chan struct{})}
	// A handler may rely on a body, as a server's requests have one.
	served := r.Clone(r.Context())
	if served.Body == nil {
		served.Body = http.NoBody
	}
	served.RequestURI = r.URL.RequestURI()
	go func() {
		defer func() {
			if p := recover(); p != nil { // http.ErrAbortHandler: a handler gave up in mid-answer
				answer.WriteHeader(http.StatusInternalServerError)
				w.CloseWithError(io.ErrUnexpectedEOF)
			}
		}()
		t.handler.ServeHTTP(answer, served)
		answer.WriteHeader(http.StatusOK)
		w.Close()
	}()
	select {
	case <-answer.begun:
	case <-r.Context().Done():
		body.CloseWithError(r.Context().Err()) // the handler's writes fail from now on
		return nil, r.Context().Err()
	}
	return &http.Response{
		Status: http.StatusText(answer.status), StatusCode: answer.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: answer.sent, Body: body, ContentLength: -1, Request: r,
	}, nil
}

// A pipedAnswer is the http.ResponseWriter of a handlerTransport.
type pipedAnswer struct {
	header http.Header
	body   *io.PipeWriter
	once   sync.Once
	begun  chan struct{} // closed when status and sent are set
	status int
	sent   http.Header // the header as it was when the answer began
}

// Header implements http.ResponseWriter.
func (a *pipedAnswer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *pipedAnswer) WriteHeader(status int) {
	a.once.Do(func() {
		a.status, a.sent = status, a.header.Clone()
		close(a.begun)
	})
}

// Write implements http.ResponseWriter.
func (a *pipedAnswer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// Flush implements http.Flusher: nothing waits.
func (a *pipedAnswer) Flush() { a.WriteHeader(http.StatusOK) }
