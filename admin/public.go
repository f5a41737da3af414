package admin

import (
	"io"
	"net/http"
	"time"

	"github.com/dialtree/dialtree/admin/access"
)

// publicRoutes serves what comes over the network: health, metrics, what devices read, the API and the page.
func (s *Server) publicRoutes(api http.Handler) http.Handler {
	mux := http.NewServeMux()
	s.healthRoutes(mux)
	mux.Handle("GET /metrics", s.metricsFrom(s.metrics()))
	devices := s.deviceAPI()
	people := atOnce(paced(s.challenged(api)))
	mux.Handle(apiPath+"/", people)
	either := byIdentity(people, devices)
	mux.Handle("GET "+apiPath+"/openapi.json", either)
	mux.Handle("GET "+apiPath+"/phonebooks/", either)
	mux.Handle("GET "+apiPath+"/phonebooks", people) // the mux would redirect it to the one above
	if s.options.Page != nil {
		mux.Handle("/", atOnce(paced(s.withBody(s.standing(s.options.Page(s.own))))))
	}
	return secured(bounded(s.noting(s.identified(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout))
		mux.ServeHTTP(w, r)
	})))))
}

// bounded gives every body a time to come in. One that nobody asks for has it too: the server reads it before it closes the connection
// or takes the next request.
func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := r.Body
		if body == nil || body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
		next.ServeHTTP(w, r)
		if r.Close && r.Header.Get("Expect") == "" {
			_, _ = io.Copy(io.Discard, http.MaxBytesReader(w, body, maxUnread))
		}
	})
}

// maxUnread is how much of a body that a handler left is read before the answer goes out. Where there is more, the answer goes out and the connection stays
// open for a moment. A client that still writes when the connection ends may see that in place of the answer. net/http does so by itself, with the same
// figure, but not where the client asks for the end of the connection, as Python's urllib does with every request.
const maxUnread = 256 << 10

// byIdentity serves those who are signed in or have a token one thing, and whoever is nobody yet another: devices come with a name and
// a secret that are looked at there.
func byIdentity(known, nobody http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if access.From(r.Context()) != nil {
			known.ServeHTTP(w, r)
			return
		}
		nobody.ServeHTTP(w, r)
	})
}

// challenged refuses what nobody may before its body is read, but for the operations by which somebody signs in.
func (s *Server) challenged(api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if access.From(r.Context()) == nil && !isSignIn(r) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="dialtree"`)
			writeProblem(w, refusal(nil, access.SignedIn))
			return
		}
		api.ServeHTTP(w, r)
	})
}

func isSignIn(r *http.Request) bool {
	return r.Method == http.MethodPost && (r.URL.Path == apiPath+"/session" || r.URL.Path == apiPath+"/session/first")
}

// withBody reads the whole body before a handler starts, within the limits that hold for the API.
func (s *Server) withBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if problem := readBody(w, r); problem != nil {
			writeProblem(w, problem)
			return
		}
		next.ServeHTTP(w, r)
	})
}
