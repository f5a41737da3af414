package page

import (
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/dialtree/dialtree/admin"
)

// attach makes the answer a file that the browser saves.
func (r *request) attach(name, contentType string) {
	h := r.w.Header()
	h.Set("Content-Type", contentType)
	// FormatMediaType quotes what could end the header or the name.
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
}

// downloadTimeout bounds how long a browser may take for a file.
const downloadTimeout = 10 * time.Minute

// pass hands a file of the API to the browser.
func (r *request) pass(d *admin.Download, err error) error {
	if err != nil {
		return err
	}
	defer d.Close()
	r.attach(d.Name, d.Type)
	http.NewResponseController(r.w).SetWriteDeadline(time.Now().Add(downloadTimeout))
	if _, err := io.Copy(r.w, d); err != nil {
		r.page.log.Info("a download was cut off", "file", d.Name, "error", err)
		panic(http.ErrAbortHandler) // the browser must not take half a file for a whole one
	}
	return nil
}
