package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/refusals"
)

// Refusals takes note of what is refused, and knows what was refused in the last minute. Its methods may be called concurrently; Add does
// not wait.
type Refusals interface {
	Add(refusals.Refusal)
	Top(most int) (names, addresses []refusals.Count)
}

// nobodyNotes is what there is without Refusals.
type nobodyNotes struct{}

func (nobodyNotes) Add(refusals.Refusal)                        {}
func (nobodyNotes) Top(int) (names, addresses []refusals.Count) { return nil, nil }

// A refusalNote travels in the context of a request, so that its refusal is noted once: by who knows most of it.
type refusalNote struct {
	noted atomic.Bool
	who   atomic.Pointer[access.Identity]
}

type refusalKey struct{}

func noteOf(ctx context.Context) *refusalNote {
	note, _ := ctx.Value(refusalKey{}).(*refusalNote)
	return note
}

// noted says that the refusal of a request needs no note: there is one, or it is none worth it.
func noted(ctx context.Context) {
	if note := noteOf(ctx); note != nil {
		note.noted.Store(true)
	}
}

// refused notes the refusal of a sign-in by name.
func (s *Server) refusedSignIn(ctx context.Context, name string, code int, reason string) {
	noted(ctx)
	s.options.Refusals.Add(refusals.Refusal{Door: refusals.Page, Name: name, From: access.ClientOf(ctx).Address.Addr(), Outcome: "forbidden", Code: code, Reason: reason})
}

// noting takes note of answers that refuse: 401, 403 and 429. It is put around the API, which the page asks too, and around all that the
// public listener serves, for what does not come that far.
func (s *Server) noting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		note := noteOf(r.Context())
		if note == nil {
			note = new(refusalNote)
			r = r.WithContext(context.WithValue(r.Context(), refusalKey{}, note))
		}
		answer := &notedAnswer{ResponseWriter: w}
		next.ServeHTTP(answer, r)
		if answer.refuses() && note.noted.CompareAndSwap(false, true) {
			who := access.From(r.Context())
			if who == nil {
				who = note.who.Load()
			}
			s.options.Refusals.Add(refusalOf(r, answer, who))
		}
	})
}

func refusalOf(r *http.Request, answer *notedAnswer, who *access.Identity) refusals.Refusal {
	out := refusals.Refusal{Door: refusals.API, Code: answer.status, Outcome: "forbidden"}
	if address, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		out.From = address.Addr()
	} else if client := access.ClientOf(r.Context()); client.Address.IsValid() {
		out.From = client.Address.Addr()
	}
	if who != nil {
		out.Name, out.Known = who.Name, true
		switch who.Door {
		case access.DoorSession:
			out.Door = refusals.Page
		case access.DoorSocket:
			out.Door = refusals.Socket
		}
	}
	var problem Problem
	if json.Unmarshal(answer.begin.Bytes(), &problem) != nil {
		problem.Detail = http.StatusText(answer.status)
	}
	switch {
	case answer.status == http.StatusUnauthorized:
		out.Outcome = "unauthenticated"
	case answer.status == http.StatusTooManyRequests:
		out.Outcome = "limit"
	case problem.Detail == clearText:
		out.Outcome = "tls_required"
	case problem.Detail == foreignSite:
		out.Outcome = "foreign_site"
	}
	path := r.URL.Path
	out.Reason = r.Method + " " + path[:min(len(path), 100)] + ": " + problem.Detail
	return out
}

// A notedAnswer keeps the begin of an answer that refuses.
type notedAnswer struct {
	http.ResponseWriter
	status int
	begin  bytes.Buffer
}

// keptBegin is more than a problem has.
const keptBegin = 1 << 10

func (a *notedAnswer) refuses() bool {
	return a.status == http.StatusUnauthorized || a.status == http.StatusForbidden || a.status == http.StatusTooManyRequests
}

// WriteHeader implements http.ResponseWriter.
func (a *notedAnswer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (a *notedAnswer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	if a.refuses() && a.begin.Len() < keptBegin {
		a.begin.Write(b[:min(len(b), keptBegin-a.begin.Len())])
	}
	return a.ResponseWriter.Write(b)
}

// Flush implements http.Flusher.
func (a *notedAnswer) Flush() { _ = http.NewResponseController(a.ResponseWriter).Flush() }

// Unwrap lets an http.ResponseController reach the connection.
func (a *notedAnswer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// serverLog takes what the HTTP server logs, which is of interest to developers, save for failed TLS handshakes: those are refusals.
type serverLog struct {
	log      io.Writer
	refusals Refusals
}

func (s *Server) newServerLog() *serverLog {
	return &serverLog{slog.NewLogLogger(s.log.Handler(), slog.LevelDebug).Writer(), s.options.Refusals}
}

// Write implements io.Writer; each call is one line.
func (l *serverLog) Write(line []byte) (int, error) {
	if _, rest, ok := strings.Cut(string(line), "TLS handshake error from "); ok {
		client, reason, _ := strings.Cut(rest, ": ")
		reason = strings.TrimSpace(reason)
		if address, err := netip.ParseAddrPort(client); err == nil && reason != "EOF" { // a health check, or a client that thought better of it
			l.refusals.Add(refusals.Refusal{Door: refusals.Page, From: address.Addr(), Outcome: "handshake", Reason: reason})
		}
	}
	return l.log.Write(line)
}
