package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/dialtree/dialtree/admin/access"
)

const (
	apiPath = "/api/v1"
	// maxBody is room for some 50,000 users in one Apply.
	maxBody     = 32 << 20
	maxNobody   = 64 << 10 // of who has not signed in
	bodyTimeout = 30 * time.Second
	// answerTimeout bounds an operation; those that stream have none.
	answerTimeout = 60 * time.Second
)

// localRoutes serves everything: who can open the socket is the administrator.
func (s *Server) localRoutes(api http.Handler) http.Handler {
	mux := http.NewServeMux()
	s.healthRoutes(mux)
	mux.Handle("GET /metrics", s.metrics())
	s.profileRoutes(mux)
	mux.Handle(apiPath+"/", api)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		owner := &access.Identity{Name: "local", Door: access.DoorSocket, Scopes: []access.Scope{access.Admin}}
		if name, ok := r.Context().Value(peerKey{}).(string); ok {
			owner.Name = name
		}
		mux.ServeHTTP(w, r.WithContext(access.With(r.Context(), owner)))
	})
}

// apiRoutes serves the API to whoever the context says asks: every operation looks.
func (s *Server) apiRoutes() http.Handler {
	mux := http.NewServeMux()
	s.api(mux)
	return s.withBody(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	}))
}

func (s *Server) metrics() http.Handler {
	return promhttp.HandlerFor(s.options.Gatherer, promhttp.HandlerOpts{
		MaxRequestsInFlight: 4,
		Timeout:             10 * time.Second,
		EnableOpenMetrics:   true,
	})
}

// readBody reads the whole body before a handler starts, within a limit of size and
// time. A deadline that stayed on the connection would end the context of a long
// answer, as the server reads ahead to notice that the client is gone.
func readBody(w http.ResponseWriter, r *http.Request) *Problem {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	connection := http.NewResponseController(w)
	connection.SetReadDeadline(time.Now().Add(bodyTimeout))
	limit := int64(maxBody)
	if access.From(r.Context()) == nil {
		limit = maxNobody
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err == nil {
		connection.SetReadDeadline(time.Time{})
	} // Otherwise it holds for the rest, which the server reads before it closes the connection.
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge) && limit == maxNobody:
		return newProblem(http.StatusRequestEntityTooLarge, "the request is larger than 64 KiB: sign in first")
	case errors.As(err, &tooLarge):
		return newProblem(http.StatusRequestEntityTooLarge, "the request is larger than 32 MiB: apply fewer documents at once, or import a CSV file with a connector")
	case err != nil:
		return newProblem(http.StatusBadRequest, "the request could not be read in time")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

func (s *Server) api(mux *http.ServeMux) {
	mux.HandleFunc(apiPath+"/", unknownOperation)
	api := humago.New(mux, apiConfig("Dialtree", s.options.Version.Version))
	s.objectRoutes(api)
	s.putRoutes(api)
	s.originRoutes(api)
	s.bulkRoutes(api)
	s.exportRoutes(api)
	s.duplicateRoutes(api)
	s.applyRoutes(api)
	s.connectorRoutes(api)
	s.jobRoutes(api)
	s.runRoutes(api)
	s.trialRoutes(api)
	s.handImportRoutes(api)
	s.loginRoutes(api)
	s.loginWatchRoutes(api)
	s.lookupRoutes(api)
	s.phoneRoutes(api)
	s.deviceSecretRoutes(api)
	s.storeRoutes(api)
	s.accessRoutes(api)
	s.auditRoutes(api)
	s.refusalRoutes(api)
	s.liveRoutes(api)
	s.traceRoutes(api)
	s.systemRoutes(api)
	s.clusterRoutes(api)
	s.referenceRoutes(mux, api)
}

func apiConfig(title, version string) huma.Config {
	config := huma.DefaultConfig(title, version)
	config.OpenAPIPath = apiPath + "/openapi"
	config.DocsPath = ""    // its page would load scripts from another host
	config.SchemasPath = "" // the description holds the schemas
	config.CreateHooks = nil
	config.Tags = tags()
	config.RejectUnknownQueryParameters = true
	config.Transformers = []huma.Transformer{withoutValues}
	return config
}

// register adds an operation that needs a scope. It is the only place where the API says
// who may do what. Errors become Problems.
func register[I, O any](s *Server, api huma.API, needs access.Scope, op huma.Operation, handler func(context.Context, *I) (*O, error)) {
	op.Path = apiPath + op.Path
	op.Extensions = map[string]any{"x-scope": string(needs)}
	op.MaxBodyBytes = maxBody
	op.BodyReadTimeout = -1 // the body is in memory already
	op.Middlewares = append(huma.Middlewares{scoped(needs)}, op.Middlewares...)
	huma.Register(api, op, func(ctx context.Context, in *I) (*O, error) {
		if op.Metadata[streams] == nil {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, answerTimeout)
			defer cancel()
		}
		out, err := handler(ctx, in)
		if err != nil {
			return nil, s.answerOf(err)
		}
		return out, nil
	})
}

// scoped refuses who may not before what he sent is looked at: he learns nothing of what it would have had to be.
func scoped(needs access.Scope) func(huma.Context, func(huma.Context)) {
	return func(hc huma.Context, next func(huma.Context)) {
		problem := refusal(access.From(hc.Context()), needs)
		if problem == nil {
			next(hc)
			return
		}
		hc.SetHeader("Content-Type", problem.ContentType(""))
		hc.SetStatus(problem.Status)
		json.NewEncoder(hc.BodyWriter()).Encode(problem) //nolint:errcheck // the client is gone
	}
}

// refusal says why somebody may not do what needs a scope; nil: he may.
func refusal(who *access.Identity, needs access.Scope) *Problem {
	switch {
	case who == nil && needs != access.Public:
		return newProblem(http.StatusUnauthorized, "sign in first, or send a token: `Authorization: Bearer …`")
	case who != nil && !who.May(needs):
		return newProblem(http.StatusForbidden, fmt.Sprintf("%s may not do this: it needs the scope %s", who.Name, needs))
	}
	return nil
}

// streams marks operations without a limit of time.
const streams = "streams"

// A body is an answer that is one JSON value.
type body[T any] struct{ Body T }
