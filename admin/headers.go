package admin

import (
	"net/http"
	"time"
)

// contentPolicy lets a page load from this server alone, run no script that stands in it, and be shown in no frame.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; font-src 'self'"

// secured sets the headers that keep a browser from doing more with an answer than it is meant for.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		// Not no-referrer: a browser would then send `Origin: null` with the forms of the page itself (Fetch, section 3.2),
		// which cannot be told from another site's. Other sites learn nothing in both cases.
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		h.Set("Cache-Control", "no-store") // the page's own files say otherwise
		if r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// writeTimeout is how long a client may take for one write. An answer that goes on for hours, such as the events of a run,
// has no limit as a whole.
const writeTimeout = 30 * time.Second

// paced gives each write of an answer a deadline of its own.
func paced(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := &pacedWriter{w, http.NewResponseController(w)}
		defer p.extend() // for what the server still holds when the handler is done
		p.extend()
		next.ServeHTTP(p, r)
	})
}

type pacedWriter struct {
	http.ResponseWriter
	connection *http.ResponseController
}

func (p *pacedWriter) extend() { p.connection.SetWriteDeadline(time.Now().Add(writeTimeout)) }

// Write implements io.Writer.
func (p *pacedWriter) Write(b []byte) (int, error) {
	p.extend()
	return p.ResponseWriter.Write(b)
}

// Flush implements http.Flusher.
func (p *pacedWriter) Flush() {
	p.extend()
	p.connection.Flush()
}

// Unwrap lets an http.ResponseController reach the connection.
func (p *pacedWriter) Unwrap() http.ResponseWriter { return p.ResponseWriter }
