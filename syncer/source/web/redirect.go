package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// redirect returns where the answer leads; nil when it is the last one.
func (s *stream) redirect(at *url.URL) (*url.URL, error) {
	switch s.response.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, nil
	}
	next, err := at.Parse(s.response.Header.Get("Location"))
	switch {
	case err != nil || s.response.Header.Get("Location") == "" || next.Hostname() == "" || next.Scheme != "http" && next.Scheme != "https":
		return nil, errors.New("the server redirects to no address: check url")
	case at.Scheme == "https" && next.Scheme == "http":
		return nil, fmt.Errorf("the server redirects to %s without TLS: nothing was fetched from there", next.Host)
	}
	next.User, next.Fragment = nil, ""
	return next, nil
}
