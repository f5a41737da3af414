package upstream_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/dialtree/dialtree/authproxy/upstream"
)

func TestTrace(t *testing.T) {
	phases := func(u *upstream.Upstream) (string, error) {
		var got []string
		_, err := u.BindTraced(context.Background(), "alice", "", []byte(rightPassword), func(s upstream.Step) {
			word := string(s.Phase)
			if s.Err != nil {
				word += "!"
			}
			got = append(got, word)
			if s.Duration <= 0 || s.Server == "" {
				t.Errorf("step %+v", s)
			}
		})
		return strings.Join(got, " "), err
	}
	c := &catalogue{answer: entries(aliceDN)}
	plain := start(t, c.handle)
	secure := start(t, secured(serverTLS(t, tls.VersionTLS13), directory))
	upgraded := start(t, starting(serverTLS(t, tls.VersionTLS13), directory))
	for _, test := range []struct {
		name       string
		change     func(*upstream.Options)
		want       string
		quarantine bool // nothing is tried the second time
	}{
		{"plain", func(o *upstream.Options) { o.URLs = []string{"ldap://" + plain.address} }, "connect bind", false},
		{"a name", func(o *upstream.Options) {
			o.URLs = []string{"ldap://" + strings.Replace(plain.address, "127.0.0.1", "localhost", 1)}
		}, "resolve connect bind", false},
		{"ldaps", func(o *upstream.Options) { o.URLs = []string{"ldaps://" + secure.address} }, "connect tls bind", false},
		{"StartTLS", func(o *upstream.Options) {
			o.URLs, o.TLS.StartTLS = []string{"ldap://" + upgraded.address}, true
		}, "connect starttls tls bind", false},
		{"search", func(o *upstream.Options) { *o = searching(plain) }, "connect search connect bind", false},
		{"search account refused", func(o *upstream.Options) {
			*o = searching(plain)
			o.Search.Password = func() (string, error) { return "wrong", nil }
		}, "connect search!", false},
		{"nobody there", func(o *upstream.Options) { o.URLs = []string{"ldap://127.0.0.1:1"} }, "connect!", true},
		{"certificate", func(o *upstream.Options) {
			o.URLs, o.TLS.InsecureSkipVerify = []string{"ldaps://" + secure.address}, false
		}, "connect tls!", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := options()
			o.TLS.InsecureSkipVerify = true
			test.change(&o)
			o.ConnectTimeout, o.BindTimeout = 5*time.Second, 5*time.Second
			u := open(t, o)
			for i := range 2 { // every step each time, a warm pool or not
				got, err := phases(u)
				if i == 1 && test.quarantine {
					test.want = ""
				}
				if got != test.want {
					t.Errorf("steps %q, want %q: %v", got, test.want, err)
				}
			}
		})
	}
}

func TestMetrics(t *testing.T) {
	f := start(t, directory)
	registry := prometheus.NewRegistry()
	make := func(name string) *upstream.Upstream {
		o := options("ldap://"+f.address, "ldap://127.0.0.1:1")
		o.Name, o.Registerer = name, registry
		return open(t, o)
	}
	corp, other := make("corp"), make("other")
	if _, err := upstream.New(upstream.Options{Name: "corp", URLs: []string{"ldap://" + f.address}, Registerer: registry}); err == nil {
		t.Error("a second upstream of the same name is taken")
	}
	for _, password := range []string{rightPassword, "wrong"} {
		bind(corp, password)
	}
	bind(corp, "") // never gets as far
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
	want := fmt.Sprintf(`
# HELP dialtree_upstream_connections Connections to the servers of the upstream. Busy are those in use and those being made.
# TYPE dialtree_upstream_connections gauge
dialtree_upstream_connections{state="busy",upstream="corp"} 0
dialtree_upstream_connections{state="busy",upstream="other"} 0
dialtree_upstream_connections{state="idle",upstream="corp"} 1
dialtree_upstream_connections{state="idle",upstream="other"} 0
# HELP dialtree_upstream_up Whether binds are sent to the server (1), or it is in quarantine (0).
# TYPE dialtree_upstream_up gauge
dialtree_upstream_up{server="127.0.0.1:1",upstream="corp"} 1
dialtree_upstream_up{server="127.0.0.1:1",upstream="other"} 1
dialtree_upstream_up{server=%[1]q,upstream="corp"} 1
dialtree_upstream_up{server=%[1]q,upstream="other"} 1
`, f.address)
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "dialtree_upstream_connections", "dialtree_upstream_up"); err != nil {
		t.Error(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "dialtree_upstream_bind_duration_seconds" {
			if n := family.GetMetric()[0].GetHistogram().GetSampleCount(); n != 2 {
				t.Errorf("%d binds observed, want 2", n)
			}
		}
	}
	corp.Close()
	other.Close()
	if n, err := testutil.GatherAndCount(registry); n != 0 || err != nil {
		t.Errorf("%d series are left, %v", n, err)
	}
	make("corp") // and can come again
}

func TestLog(t *testing.T) {
	var log bytes.Buffer
	o := options("ldap://127.0.0.1:1")
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	u := open(t, o)
	for range 3 {
		bind(u, "topsecret")
	}
	if strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), "quarantined") || strings.Contains(log.String(), "topsecret") {
		t.Errorf("log:\n%s", &log)
	}
}
