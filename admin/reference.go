package admin

import (
	"net/http"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/admin/reference"
)

const (
	docsPath  = apiPath + "/docs"
	stylePath = apiPath + "/docs.css"
)

// referenceRoutes serves the page that describes the API. It is no operation of the API itself, and wants what reading wants.
func (s *Server) referenceRoutes(mux *http.ServeMux, api huma.API) {
	page := sync.OnceValues(func() ([]byte, error) {
		return reference.Render(api.OpenAPI(), reference.Options{Style: stylePath, Address: s.publicAddress(), Socket: filepath.Join(s.options.Store.Dir(), "dialtree.sock")})
	})
	mux.Handle("GET "+docsPath, s.readable("text/html; charset=utf-8", page))
	mux.Handle("GET "+stylePath, s.readable("text/css; charset=utf-8", reference.Style))
}

// publicAddress is where the examples find this server.
func (s *Server) publicAddress() string {
	if s.options.Address != nil {
		if address := s.options.Address(); address != "" {
			return address
		}
	}
	return "https://dialtree.example.com:8389"
}

// readable serves a file to those who may read.
func (s *Server) readable(mediaType string, content func() ([]byte, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if problem := refusal(access.From(r.Context()), access.Read); problem != nil {
			writeProblem(w, problem)
			return
		}
		file, err := content()
		if err != nil {
			writeProblem(w, s.problemOf(err))
			return
		}
		w.Header().Set("Content-Type", mediaType)
		w.Header().Set("Content-Length", strconv.Itoa(len(file)))
		w.Write(file)
	})
}
