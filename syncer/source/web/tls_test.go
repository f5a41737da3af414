package web_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/syncer/source/web"
)

func TestTLS(t *testing.T) {
	s := record(t, true, give)
	plain := record(t, false, give)
	down := record(t, true, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, plain.URL, http.StatusFound) })
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(s.Certificate().RawSubjectPublicKeyInfo)
	pin := "sha256/" + base64.StdEncoding.EncodeToString(sum[:])
	wrong := "sha256/" + base64.StdEncoding.EncodeToString(make([]byte, 32))
	const host = "127.0.0.1"
	tests := []struct {
		name string
		url  string
		tls  web.TLS
		err  string // empty: none
	}{
		{"an authority of one's own", s.URL, web.TLS{CAFile: ca}, ""},
		{"another name that is in the certificate", s.URL, web.TLS{CAFile: ca, ServerName: "example.com"}, ""},
		{"a pinned key", s.URL, web.TLS{PinnedKey: pin}, ""},
		{"a pinned key and an authority", s.URL, web.TLS{PinnedKey: pin, CAFile: ca}, ""},
		{"no check", s.URL, web.TLS{InsecureSkipVerify: true}, ""},
		{"an unknown authority", s.URL, web.TLS{}, "the certificate of " + host + " is not signed by a known authority: set tls.ca_file to the one that signed it"},
		{"another name", s.URL, web.TLS{CAFile: ca, ServerName: "example.org"}, "the certificate is for another name: "},
		{"another key", s.URL, web.TLS{PinnedKey: wrong}, "the server's public key is not the pinned one: it is " + pin + ": if the key was replaced on purpose, set tls.pinned_key anew"},
		{"another key of a known authority", s.URL, web.TLS{PinnedKey: wrong, CAFile: ca}, "the server's public key is not the pinned one"},
		{"no TLS there", strings.Replace(plain.URL, "http:", "https:", 1), web.TLS{CAFile: ca}, host + " does not speak TLS on this port: check url"},
		{"no file of authorities", s.URL, web.TLS{CAFile: ca + "x"}, "tls.ca_file: open " + ca + "x: no such file or directory"},
		{"an empty file of authorities", s.URL, web.TLS{CAFile: empty}, "tls.ca_file: " + empty + " holds no certificate in PEM form"},
		{"a redirect to no TLS", down.URL, web.TLS{CAFile: ca}, "the server redirects to " + plain.Listener.Addr().String() + " without TLS: nothing was fetched from there"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text, notes, err := fetch(t, web.Options{URL: tt.url, TLS: tt.tls, Token: secret("hunter2")}, 0)
			if tt.err != "" {
				if err == nil || !strings.HasPrefix(err.Error(), tt.url+": "+tt.err) {
					t.Errorf("error %v\n want %s: %s", err, tt.url, tt.err)
				}
				return
			}
			if err != nil || text != "a\n1\n" || len(notes) > 0 {
				t.Errorf("%q, %q, %v", text, notes, err)
			}
		})
	}
	if len(plain.seen) > 0 {
		t.Errorf("the server without TLS was asked: %q", plain.seen)
	}
}
