package etcd_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/cluster/etcd"
)

func TestOptions(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		o    etcd.Options
		want string // of the error; empty: none
	}{
		{"loopback without TLS", etcd.Options{Endpoints: []string{"127.0.0.1:2379", "http://[::1]:2379", "localhost:2379"}}, ""},
		{"https with the system's authorities", etcd.Options{Endpoints: []string{"https://etcd.example.com:2379/"}}, ""},
		{"no endpoint", etcd.Options{}, "etcd: no endpoint is given: one looks like https://10.0.0.1:2379"},
		{"no port", etcd.Options{Endpoints: []string{"https://a"}}, `etcd: endpoint "https://a": want https://HOST:PORT, http://HOST:PORT or HOST:PORT`},
		{"a path", etcd.Options{Endpoints: []string{"https://a:1/b"}}, `etcd: endpoint "https://a:1/b": want https://HOST:PORT, http://HOST:PORT or HOST:PORT`},
		{"another scheme", etcd.Options{Endpoints: []string{"unix://a:1"}}, `etcd: endpoint "unix://a:1": want https://HOST:PORT, http://HOST:PORT or HOST:PORT`},
		{"a password in it", etcd.Options{Endpoints: []string{"https://root:geheim@a:1"}}, "etcd: endpoint 1 is no URL without a name: one looks like https://10.0.0.1:2379"},
		{"both kinds", etcd.Options{Endpoints: []string{"https://a:1", "http://b:1"}}, `etcd: endpoint "http://b:1": either all endpoints are https or none is`},
		{"files without TLS", etcd.Options{Endpoints: []string{"http://a:1"}, CAFile: empty}, `etcd: endpoint "http://a:1" is without TLS, but there are files of certificates: use https, or leave them out`},
		{"no certificate in the file", etcd.Options{Endpoints: []string{"a:1"}, CAFile: empty}, "etcd: ca_file " + empty + " holds no certificate in PEM"},
		{"a certificate without its key", etcd.Options{Endpoints: []string{"https://a:1"}, CertFile: empty}, "etcd: cert_file and key_file belong together: give both or neither"},
		{"a name without its password", etcd.Options{Endpoints: []string{"https://a:1"}, Username: "x"}, "etcd: username and password belong together: give both or neither"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			if client, err := etcd.New(c.o); err != nil {
				got = err.Error()
			} else {
				client.Close()
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestClearTextIsWarnedOf(t *testing.T) {
	for endpoint, warned := range map[string]bool{"http://127.0.0.1:1": false, "http://10.0.0.1:1": true, "etcd:1": true, "https://10.0.0.1:1": false} {
		var log bytes.Buffer
		c, err := etcd.New(etcd.Options{Endpoints: []string{endpoint}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		if got := strings.Contains(log.String(), "without TLS"); got != warned {
			t.Errorf("%s: the log is %q", endpoint, log.String())
		}
	}
}

func TestAPasswordIsNotPrinted(t *testing.T) {
	o := etcd.Options{Username: "dialtree", Password: "geheim"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if got := fmt.Sprintf(verb, o); strings.Contains(got, "geheim") || strings.Contains(got, "67656865696d") {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}
