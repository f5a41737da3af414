package peertrust_test

import (
	"crypto/tls"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/peertrust"
)

func TestPin(t *testing.T) {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	own := peertrust.PinOf(server.Certificate())
	for name, tc := range map[string]struct {
		pin  peertrust.Pin
		good bool
	}{"the key's own": {own, true}, "another": {peertrust.Pin{1}, false}} {
		c, err := tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, VerifyConnection: tc.pin.Check})
		if err == nil {
			c.Close()
		}
		var wrong *peertrust.PinError
		if tc.good != (err == nil) || !tc.good && (!errors.As(err, &wrong) || wrong.Got != own) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReadAuthorities(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ca.pem")
	if _, err := peertrust.ReadAuthorities(path); !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(err.Error(), "tls.ca_file: ") {
		t.Error(err)
	}
	if err := os.WriteFile(path, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := peertrust.ReadAuthorities(path); err == nil || !strings.HasSuffix(err.Error(), "holds no certificate in PEM form") {
		t.Error(err)
	}
}

// Whatever is read as a pin is written as it was.
func FuzzParsePin(f *testing.F) {
	f.Add("sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	f.Add("sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=")
	f.Add("sha1/AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := peertrust.ParsePin(text)
		if err != nil {
			return
		}
		again, err := peertrust.ParsePin(p.String())
		if err != nil || again != p {
			t.Errorf("%q became %s: %v", text, p, err)
		}
	})
}
