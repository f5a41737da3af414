package admin

import (
	"bytes"
	"context"
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
	bodyTimeout = 30 * time.Second
	// answerTimeout bounds an operation; those that stream have none.
	answerTimeout = 60 * time.Second
)

// localRoutes serves everything: who can open the socket is the administrator.
func (s *Server) localRoutes(api http.Handler) http.Handler {
	mux := http.NewServeMux()
	s.healthRoutes(mux)
	mux.Handle("GET /metrics", s.metrics())
	mux.Handle(apiPath+"/", api)
	owner := &access.Identity{Name: "local", Door: access.DoorSocket, Scopes: []access.Scope{access.Admin}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r.WithContext(access.With(r.Context(), owner)))
	})
}

// apiRoutes serves the API to whoever the context says asks: every operation looks.
func (s *Server) apiRoutes() http.Handler {
	mux := http.NewServeMux()
	s.api(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := readBody(w, r); err != nil {
			writeProblem(w, err)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	})
}

// publicRoutes serves what machines of the network may ask.
func (s *Server) publicRoutes() http.Handler {
	mux := http.NewServeMux()
	s.healthRoutes(mux)
	mux.Handle("GET /metrics", s.metricsFrom(s.metrics()))
	s.deviceAPI(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Nothing here takes a body; reading one would only hold the connection.
		http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout))
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	})
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
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	connection.SetReadDeadline(time.Time{})
	var tooLarge *http.MaxBytesError
	switch {
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
	s.applyRoutes(api)
	s.connectorRoutes(api)
	s.handImportRoutes(api)
	s.loginRoutes(api)
	s.lookupRoutes(api)
	s.phoneRoutes(api)
	s.deviceSecretRoutes(api)
	s.storeRoutes(api)
}

func apiConfig(title, version string) huma.Config {
	config := huma.DefaultConfig(title, version)
	config.OpenAPIPath = apiPath + "/openapi"
	config.DocsPath = ""    // its page would load scripts from another host
	config.SchemasPath = "" // the description holds the schemas
	config.CreateHooks = nil
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
	huma.Register(api, op, func(ctx context.Context, in *I) (*O, error) {
		if problem := refusal(access.From(ctx), needs); problem != nil {
			return nil, problem
		}
		if op.Metadata[streams] == nil {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, answerTimeout)
			defer cancel()
		}
		out, err := handler(ctx, in)
		if err != nil {
			return nil, s.problemOf(err)
		}
		return out, nil
	})
}

// refusal says why somebody may not do what needs a scope; nil: he may.
func refusal(who *access.Identity, needs access.Scope) *Problem {
	switch {
	case who == nil:
		return newProblem(http.StatusUnauthorized, "sign in first, or send a token: `Authorization: Bearer …`")
	case !who.May(needs):
		return newProblem(http.StatusForbidden, fmt.Sprintf("%s may not do this: it needs the scope %s", who.Name, needs))
	}
	return nil
}

// streams marks operations without a limit of time.
const streams = "streams"

// A body is an answer that is one JSON value.
type body[T any] struct{ Body T }
