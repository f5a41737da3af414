package admin

import (
	"net/http"
	"net/http/pprof"
	"strings"

	"github.com/dialtree/dialtree/store"
)

// profilePath is where profiles of the process are, on the socket alone.
const profilePath = "/debug/pprof/"

// profileRoutes serves profiles. A profile shows functions, counts and addresses of code, not what is in memory; a trace of execution and the
// command line, which might show more, are not served. Whoever can open the socket may read the process anyway.
func (s *Server) profileRoutes(mux *http.ServeMux) {
	mux.Handle("GET "+profilePath+"{name}", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("name")
		var profile http.Handler
		switch name {
		case "cpu":
			profile = http.HandlerFunc(pprof.Profile)
		case "heap", "allocs", "goroutine", "block", "mutex", "threadcreate":
			profile = pprof.Handler(name)
		default:
			writeProblem(w, newProblem(http.StatusNotFound, "there is no profile "+strings.ToValidUTF8(name, "?")+": there are "+strings.Join(Profiles(), ", ")))
			return
		}
		if err := s.audit(r.Context(), "took a profile", "", name, store.AuditField{Field: "seconds", New: r.FormValue("seconds")}); err != nil {
			writeProblem(w, s.problemOf(err))
			return
		}
		profile.ServeHTTP(w, r)
	}))
}

// Profiles are the profiles that a server gives of itself.
func Profiles() []string {
	return []string{"cpu", "heap", "allocs", "goroutine", "block", "mutex", "threadcreate"}
}
