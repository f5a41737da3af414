package page

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"mime"
	"net/http"
	"path"
)

//go:embed static
var staticFiles embed.FS

// static serves the style sheet, the script and the icon. Their addresses change with their
// content, so that a browser may keep them for ever and never shows a page of today with the style of
// yesterday.
type static struct {
	files   map[string][]byte
	version string
}

func newStatic() (*static, error) {
	s := &static{files: map[string][]byte{}}
	sum := sha256.New()
	err := fs.WalkDir(staticFiles, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := staticFiles.ReadFile(name)
		sum.Write(content)
		s.files[path.Base(name)] = content
		return err
	})
	s.version = base64.RawURLEncoding.EncodeToString(sum.Sum(nil)[:9])
	return s, err
}

// url is where a file is.
func (s *static) url(file string) string { return "/static/" + s.version + "/" + file }

// ServeHTTP implements http.Handler.
func (s *static) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	content, ok := s.files[r.PathValue("file")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", mime.TypeByExtension(path.Ext(r.PathValue("file"))))
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	if r.PathValue("version") != s.version {
		h.Set("Cache-Control", "no-store") // a page of before an update
	}
	w.Write(content)
}
