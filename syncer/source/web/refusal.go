package web

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"

	"github.com/dialtree/dialtree/syncer/source"
)

// refusal explains an answer that is not what was asked for.
func (p *place) refusal(r *http.Response, at *url.URL, authorization, sent string) error {
	where, noun := "", p.o.Noun
	if at != p.url {
		where = " after a redirect to " + at.Host
	}
	switch {
	case r.StatusCode == http.StatusUnauthorized && sent != authorization:
		return fmt.Errorf("the server wants a login (401)%s, and what logs in to %s is not sent there: write the new address into url", where, p.url.Host)
	case r.StatusCode == http.StatusUnauthorized && sent == "":
		return fmt.Errorf("the server wants a login (401)%s: give username and password, or token", where)
	case r.StatusCode == http.StatusUnauthorized:
		return fmt.Errorf("the server refused the login (401)%s: check username and password, or token", where)
	case r.StatusCode == http.StatusForbidden:
		return fmt.Errorf("the server does not allow it (403)%s: check the rights of the account there%s", where, said(r))
	case r.StatusCode == http.StatusNotFound, r.StatusCode == http.StatusGone:
		return fmt.Errorf("there is no such %s (%d)%s: check url%s", noun, r.StatusCode, where, said(r))
	case r.StatusCode >= 500, r.StatusCode == http.StatusTooManyRequests, r.StatusCode == http.StatusRequestTimeout:
		return source.Temporary(fmt.Errorf("the server answered %d %s%s instead of the %s: try again later%s", r.StatusCode, http.StatusText(r.StatusCode), where, noun, said(r)))
	case r.StatusCode != http.StatusOK:
		return fmt.Errorf("the server answered %d %s%s instead of the %s%s", r.StatusCode, http.StatusText(r.StatusCode), where, noun, said(r))
	case r.Header.Get("Content-Encoding") != "" && r.Header.Get("Content-Encoding") != "identity":
		return fmt.Errorf("the server compressed the %s (%q), though it was asked not to", noun, r.Header.Get("Content-Encoding"))
	case isPage(r.Header.Get("Content-Type")):
		return fmt.Errorf("the server sent a web page%s instead of the %[2]s: it may want a login, or url is the page with the link to the %[2]s", where, noun)
	}
	return nil
}

const (
	// maxProblem is how much is read of what a server says of a refusal, and maxSaid how much of that is told.
	maxProblem = 8 << 10
	maxSaid    = 300
)

// said is what the server says of a refusal for people (RFC 9457), as the end of a sentence; empty when it says nothing.
func said(r *http.Response) string {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/problem+json" {
		return ""
	}
	var problem struct {
		Detail string `json:"detail"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, maxProblem)).Decode(&problem); err != nil || problem.Detail == "" {
		return ""
	}
	return fmt.Sprintf(" (it says %.*q)", maxSaid, problem.Detail)
}

func isPage(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && (kind == "text/html" || kind == "application/xhtml+xml")
}
