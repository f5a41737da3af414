package admin

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"

	"github.com/dialtree/dialtree/store"
)

// Readiness is what /readyz answers.
type Readiness struct {
	Ready     bool             `json:"ready"`
	Store     string           `json:"store"`     // ok, or what is wrong
	Changes   string           `json:"changes"`   // ok, or why none can be written; told, never a reason not to be ready: logins go on
	Listeners string           `json:"listeners"` // ok, or what is wrong
	Upstreams []UpstreamHealth `json:"upstreams"` // told, never a reason not to be ready
}

func (s *Server) healthRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		r := s.readiness()
		status := http.StatusOK
		if !r.Ready {
			status = http.StatusServiceUnavailable
		}
		writeJSON(w, "application/json", status, r)
	})
}

func (s *Server) readiness() Readiness {
	r := Readiness{Ready: true, Store: "ok", Changes: "ok", Listeners: "ok", Upstreams: s.options.Upstreams.Health()}
	if r.Upstreams == nil {
		r.Upstreams = []UpstreamHealth{}
	}
	if err := s.options.Store.View(func(*store.Snapshot) error { return nil }); err != nil {
		r.Ready, r.Store = false, err.Error()
	}
	var written *store.WriteError
	switch trouble := s.options.Store.Trouble(); {
	case errors.As(trouble, &written):
		r.Changes = trouble.Error()
	case trouble != nil:
		r.Ready, r.Store = false, trouble.Error()
	}
	if text, _ := s.unchangeable(); text != "" && r.Changes == "ok" {
		r.Changes = "serving, not changing: " + text
	}
	if err := s.options.Ready(); err != nil {
		r.Ready, r.Listeners = false, err.Error()
	}
	return r
}

// metricsFrom lets only the clients of admin.metrics_from through.
func (s *Server) metricsFrom(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.mayReadMetrics(r.RemoteAddr) {
			writeProblem(w, newProblem(http.StatusForbidden, "metrics are not for this address: add it to admin.metrics_from"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// mayReadMetrics looks at the address of the connection only: any header with
// another one could be forged.
func (s *Server) mayReadMetrics(remote string) bool {
	client, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	for _, p := range s.options.MetricsFrom {
		if p.Contains(client.Addr().Unmap().WithZone("")) {
			return true
		}
	}
	return false
}

func writeProblem(w http.ResponseWriter, p *Problem) {
	writeJSON(w, "application/problem+json", p.Status, p)
}

func writeJSON(w http.ResponseWriter, contentType string, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	w.Write(append(text, '\n'))
}
