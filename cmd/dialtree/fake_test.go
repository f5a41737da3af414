package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
)

// A fakeServer answers requests on a unix socket with what a test wrote down, and remembers them.
type fakeServer struct {
	t       *testing.T
	dir     string            // its data directory
	answers map[string]string // by "METHOD /path" behind /api/v1, without the query
	hang    chan struct{}     // a request for "hang" waits for it

	mu       sync.Mutex
	requests []string // "METHOD /path?query body"
}

// newFakeServer serves answers. One that begins with "!NNN " is a problem with this status.
func newFakeServer(t *testing.T, answers map[string]string) *fakeServer {
	dir, err := os.MkdirTemp("", "dialtree") // a test's own directory may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	f := &fakeServer{t: t, dir: dir, answers: answers, hang: make(chan struct{})}
	listener, err := net.Listen("unix", socketPath(dir))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(f)
	server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(f.hang) })
	return f
}

// ServeHTTP implements http.Handler.
func (f *fakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/api/v1")
	request := r.Method + " " + path
	if r.URL.RawQuery != "" {
		request += "?" + r.URL.RawQuery
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		f.t.Errorf("read a request: %v", err)
	}
	if len(body) > 0 {
		request += " " + string(body)
	}
	for _, header := range []string{"If-Match", "If-None-Match"} {
		if value := r.Header.Get(header); value != "" {
			request += " " + header + ": " + value
		}
	}
	f.mu.Lock()
	f.requests = append(f.requests, request)
	f.mu.Unlock()
	answer, known := f.answers[r.Method+" "+path]
	switch problem, isProblem := strings.CutPrefix(answer, "!"); {
	case !known:
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"status":404,"detail":"no such thing"}`)
	case answer == "hang":
		w.(http.Flusher).Flush()
		select {
		case <-f.hang:
		case <-r.Context().Done():
		}
	case isProblem:
		status, detail, _ := strings.Cut(problem, " ")
		w.WriteHeader(http.StatusConflict)
		io.WriteString(w, `{"status":`+status+`,"detail":"`+detail+`"}`)
	default:
		w.Header().Set("ETag", `"tag-1"`)
		io.WriteString(w, answer)
	}
}

// asked returns the requests since the last call, one a line.
func (f *fakeServer) asked() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	text := strings.Join(f.requests, "\n")
	f.requests = nil
	return text
}

// dialtree runs a command line in this process.
func (f *fakeServer) dialtree(ctx context.Context, stdin string, args ...string) (stdout, stderr string, code int) {
	var out, errors bytes.Buffer
	e := &env{stdin: strings.NewReader(stdin), stdout: &out, stderr: &errors}
	code = run(ctx, e, append([]string{"--data-dir", f.dir}, args...))
	return out.String(), errors.String(), code
}
