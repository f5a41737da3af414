package admin

import (
	"context"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/store"
)

// A Tracer follows requests as they happen. Follow may be called concurrently; its error says that as many follow as may.
type Tracer interface {
	// Follow follows the requests of a user or a device, by name, of an address or a network, or of all. The follower has to be closed.
	Follow(what string) (Follower, error)
}

// A Follower is told what it follows. Its methods are for one goroutine.
type Follower interface {
	// Next waits for what comes. It ends with the context.
	Next(ctx context.Context) (*TraceBatch, error)
	Close()
}

const (
	eventTrace = "trace"
	// traceAlive is how often something is sent when nothing happens, so that a client that is gone is noticed.
	traceAlive = 5 * time.Second
	// traceBatch is for how long what comes is put together: at ten thousand logins a second nobody wants an event of each.
	traceBatch = 100 * time.Millisecond
)

type traceInput struct {
	What    string `query:"what" required:"true" minLength:"1" maxLength:"1024" doc:"The name of a user or a device in any form, an address, a network such as 192.0.2.0/24, or all"`
	Seconds int    `query:"seconds" minimum:"1" maximum:"3600" default:"300" doc:"When it ends by itself"`
}

func (s *Server) traceRoutes(api huma.API) {
	register(s, api, access.Admin, huma.Operation{OperationID: "trace", Method: http.MethodGet, Path: "/trace/events", Tags: []string{"auth"},
		Summary:   "Follow the requests of one user, device, address or network as they happen",
		Responses: eventStream(),
		Description: "Server-sent events: `trace`, each some events, which are in words and without secrets. `lost` counts those that there was no room for: no login waits for " +
			"whoever follows. That somebody follows is in the audit log. At most eight may follow at a time.",
		Errors:   []int{http.StatusTooManyRequests, http.StatusNotImplemented},
		Metadata: map[string]any{streams: true}},
		func(ctx context.Context, in *traceInput) (*huma.StreamResponse, error) {
			if s.options.Tracer == nil {
				return nil, newProblem(http.StatusNotImplemented, "this server cannot follow requests")
			}
			if isBrokenNetwork(in.What) {
				return nil, newProblem(http.StatusUnprocessableEntity, strconv.Quote(in.What)+" is no network, and nobody would be followed: one is written as 192.0.2.0/24")
			}
			follower, err := s.options.Tracer.Follow(in.What)
			if err != nil {
				noted(ctx) // nobody who was kept out
				return nil, newProblem(http.StatusTooManyRequests, err.Error())
			}
			if err := s.audit(ctx, "followed requests", "", in.What, store.AuditField{Field: "for", New: strconv.Itoa(in.Seconds) + " s"}); err != nil {
				follower.Close()
				return nil, err
			}
			return &huma.StreamResponse{Body: func(hc huma.Context) {
				defer follower.Close()
				ctx, cancel := context.WithTimeout(hc.Context(), time.Duration(in.Seconds)*time.Second)
				defer cancel()
				ctx, stop := s.untilStop(ctx)
				defer stop()
				follow(ctx, newEvents(hc), follower)
			}}, nil
		})
}

// isBrokenNetwork tells a mistake in a network from the name of a user, who would be waited for in vain.
func isBrokenNetwork(what string) bool {
	address, _, slash := strings.Cut(what, "/")
	if _, err := netip.ParseAddr(address); err != nil || !slash {
		return false
	}
	_, err := netip.ParsePrefix(what)
	return err != nil
}

// follow tells what comes until ctx ends.
func follow(ctx context.Context, e *events, f Follower) {
	defer e.close()
	for ctx.Err() == nil {
		wait, cancel := context.WithTimeout(ctx, traceAlive)
		batch, err := f.Next(wait)
		cancel()
		switch {
		case err == nil:
			e.send(eventTrace, batch)
		case ctx.Err() == nil:
			e.comment()
		}
		select {
		case <-time.After(traceBatch):
		case <-ctx.Done():
		}
	}
}

// untilStop returns a context that ends when the server does, too: an answer that goes on must not hold it.
func (s *Server) untilStop(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.stopping, cancel)
	return ctx, func() { stop(); cancel() }
}
