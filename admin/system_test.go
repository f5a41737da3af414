package admin_test

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/admin/logtail"
	"github.com/dialtree/dialtree/store"
)

// systemBench is a server with a process around it, asked in the same process.
type systemBench struct {
	store  *store.Store
	dir    string
	server *admin.Server
	log    *slog.Logger
	binds  *prometheus.CounterVec
	client *admin.Client
	files  []admin.CertificateFile
	due    time.Time
}

func (b *systemBench) Settings() []admin.Setting {
	return []admin.Setting{{Key: "ldap.size_limit", Value: "7", Default: "500", From: "file", Where: "a.yaml:3", Reload: true, Help: "How many."}}
}

func (b *systemBench) Warnings() []admin.Attention {
	return []admin.Attention{{Severity: "warning", Code: "no_tls", Subject: "admin.listen", Text: "admin.listen: set admin.cert_file."}}
}

func (b *systemBench) Certificates() []admin.CertificateFile { return b.files }
func (b *systemBench) DataPath(path string) string           { return filepath.Join(b.dir, path) }
func (b *systemBench) DueBy(string, time.Time) (time.Time, bool) {
	return b.due, !b.due.IsZero()
}

func startSystem(t *testing.T) *systemBench {
	t.Helper()
	b := &systemBench{dir: t.TempDir(), binds: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "dialtree_bind_total"}, []string{"outcome"})}
	st, err := store.Open(t.Context(), store.Options{Dir: b.dir})
	if err != nil {
		t.Fatal(err)
	}
	b.store = st
	registry := prometheus.NewRegistry()
	registry.MustRegister(b.binds)
	tail := logtail.New()
	b.log = slog.New(tail.Handler(slog.NewTextHandler(io.Discard, nil)))
	b.server, err = admin.New(admin.Options{
		Store: st, Syncer: &fakeSyncer{}, Logins: fakeLogins{}, Upstreams: fakeUpstreams{}, Gatherer: registry, Front: fakeFront(),
		Directory: fakeDirectory{}, Devices: &fakeDevices{store: st}, Finder: fakeFinder{st}, LoginWatch: fakeLoginWatch{}, SignIns: &fakeSignIns{}, Logger: b.log, System: b, Log: tail,
	})
	if err != nil {
		t.Fatal(err)
	}
	b.client = admin.NewLocalClient(b.server.LocalHandler())
	t.Cleanup(func() {
		problems, err := st.Check(context.Background())
		if err = errors.Join(err, st.Close()); err != nil || len(problems) > 0 {
			t.Error(problems, err)
		}
	})
	return b
}

func (b *systemBench) apply(t *testing.T, yaml string) {
	t.Helper()
	if _, err := b.client.Apply(t.Context(), []admin.File{{Name: "f.yaml", Text: yaml}}, false); err != nil {
		t.Fatal(err)
	}
}

// certificate writes a certificate that is good until then and returns its pin.
func certificate(t *testing.T, path string, until time.Time) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ldap.example.com"}, DNSNames: []string{"ldap.example.com"},
		IPAddresses: []net.IP{net.IPv4(192, 0, 2, 5)}, NotBefore: until.Add(-365 * 24 * time.Hour), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(public)
	return "sha256/" + base64.StdEncoding.EncodeToString(sum[:])
}

func (b *systemBench) overview(t *testing.T) *admin.Overview {
	t.Helper()
	o, err := b.client.Overview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func attentionFor(o *admin.Overview, code string) *admin.Attention {
	for i, a := range o.Attention {
		if a.Code == code {
			return &o.Attention[i]
		}
	}
	return nil
}

func done(o *admin.Overview) []string {
	var codes []string
	for _, step := range o.Checklist {
		if step.Done {
			codes = append(codes, step.Code)
		}
	}
	return codes
}

func TestOverviewOfANewInstallation(t *testing.T) {
	b := startSystem(t)
	o := b.overview(t)
	if !o.Ready || o.Logins != (admin.LoginFigures{}) || len(o.Connectors) != 0 || o.Entries["user"] != 0 {
		t.Errorf("the overview is %+v", o)
	}
	if got := done(o); !slices.Equal(got, []string{"tls"}) || len(o.Checklist) != 9 {
		t.Errorf("done are %v of %v", got, o.Checklist)
	}
	if a := attentionFor(o, "backup"); a != nil {
		t.Errorf("an empty store wants %+v", a)
	}
	down := o.Attention[0]
	if down.Code != "upstream_down" || down.Severity != "critical" || down.Since == nil || !strings.Contains(down.Text, "timeout") {
		t.Errorf("the worst is %+v", down)
	}
	if again := b.overview(t).Attention[0]; !again.Since.Equal(*down.Since) {
		t.Errorf("down since %v, then since %v", down.Since, again.Since)
	}
}

func TestOverviewOfUse(t *testing.T) {
	b := startSystem(t)
	b.apply(t, `
kind: upstream
name: corp
urls: [ldaps://dc1.example.com]
bind_dn: "%@example.com"
tls: {insecure_skip_verify: true}
---
kind: connector
name: staff
template: csv-users
source: {csv: {path: staff.csv}}
schedule: "@every 30m"
---
kind: user
username: alice
displayname: Alice
`)
	b.binds.WithLabelValues("accepted").Add(3)
	b.binds.WithLabelValues("remembered").Add(2)
	b.binds.WithLabelValues("throttled").Add(25)
	b.binds.WithLabelValues("busy").Add(1)
	o := b.overview(t)
	if l := o.Logins; l.Accepted != 3 || l.Refused != 2 || l.Throttled != 25 || l.NotFoundOut != 1 || l.PerSecond <= 0 {
		t.Errorf("the logins are %+v", l)
	}
	if got := done(o); !slices.Equal(got, []string{"upstream", "users", "login", "tls", "schedule"}) {
		t.Errorf("done are %v", got)
	}
	for _, code := range []string{"upstream_down", "no_tls", "certificate_unchecked", "backup", "throttled"} {
		if attentionFor(o, code) == nil {
			t.Errorf("nothing is said of %s", code)
		}
	}
	points, err := b.client.Trends(t.Context(), 24)
	if err != nil || len(points.Points) == 0 || points.Points[len(points.Points)-1].Throttled != 25 {
		t.Errorf("the trends are %+v, %v", points, err)
	}
}

func TestConnectorStates(t *testing.T) {
	now := time.Now().UTC()
	for _, tt := range []struct {
		name    string
		results []store.RunResult
		due     time.Time
		want    string
		code    string
	}{
		{"never ran", nil, time.Time{}, "never", ""},
		{"done and by hand", []store.RunResult{store.RunDone}, time.Time{}, "fresh", ""},
		{"done and not due", []store.RunResult{store.RunDone}, now.Add(time.Hour), "fresh", ""},
		{"done and overdue", []store.RunResult{store.RunDone}, now.Add(-time.Hour), "stale", "connector_stale"},
		{"failed after a success", []store.RunResult{store.RunDone, store.RunFailed}, now.Add(-time.Hour), "failed", "connector_failed"},
		{"stopped by the guard", []store.RunResult{store.RunStopped}, time.Time{}, "stopped", "connector_stopped"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := startSystem(t)
			b.due = tt.due
			b.apply(t, "kind: connector\nname: staff\ntemplate: csv-users\nsource: {csv: {path: staff.csv}}\n")
			for _, result := range tt.results {
				run := &store.Run{Connector: "staff", Started: now, Finished: now, Result: result}
				if result != store.RunDone {
					run.Error = "staff.csv is gone."
				}
				if _, err := b.store.Apply(t.Context(), &store.Changes{Run: run}); err != nil {
					t.Fatal(err)
				}
			}
			o := b.overview(t)
			if c := o.Connectors[0]; c.State != tt.want || c.Target != "users" || c.Name != "staff" {
				t.Errorf("the state is %+v", c)
			}
			if tt.code != "" && (attentionFor(o, tt.code) == nil || attentionFor(o, tt.code).Subject != "staff") {
				t.Errorf("nothing is said of %s: %+v", tt.code, o.Attention)
			}
		})
	}
}

func TestCertificates(t *testing.T) {
	b := startSystem(t)
	now := time.Now()
	pin := certificate(t, filepath.Join(b.dir, "ldap.pem"), now.Add(3*24*time.Hour))
	certificate(t, filepath.Join(b.dir, "admin.pem"), now.Add(20*24*time.Hour))
	certificate(t, filepath.Join(b.dir, "ca.pem"), now.Add(-time.Hour))
	b.files = []admin.CertificateFile{{Use: "ldap", File: filepath.Join(b.dir, "ldap.pem")}, {Use: "admin", File: filepath.Join(b.dir, "admin.pem")}}
	b.apply(t, "kind: connector\nname: pbx\ntemplate: csv-users\nsource: {csv: {url: \"https://pbx.example.com/\", tls: {ca_file: ca.pem}}}\n"+
		"---\nkind: connector\nname: gone\ntemplate: csv-users\nsource: {csv: {url: \"https://pbx.example.com/\", tls: {ca_file: gone.pem}}}\n")
	list, err := b.client.Certificates(t.Context())
	if err != nil || len(list) != 4 {
		t.Fatalf("%+v, %v", list, err)
	}
	if c := list[0]; c.Pin != pin || c.Subject != "CN=ldap.example.com" || !slices.Equal(c.Names, []string{"ldap.example.com", "192.0.2.5"}) {
		t.Errorf("the first is %+v", c)
	}
	if gone := list[2]; gone.Use != "connector/gone" || gone.Error == "" {
		t.Errorf("the missing file is %+v", gone)
	}
	o := b.overview(t)
	want := map[string]string{"ldap.pem": "critical", "admin.pem": "warning", "ca.pem": "critical"}
	for _, a := range o.Attention {
		if a.Code == "certificate_expires" && want[filepath.Base(a.Subject)] == a.Severity {
			delete(want, filepath.Base(a.Subject))
		}
	}
	if len(want) > 0 || attentionFor(o, "certificate_unreadable") == nil {
		t.Errorf("nothing is said of %v in %+v", want, o.Attention)
	}
	if n := testutil.CollectAndCount(b.server.ExpiryCollector()); n != 3 {
		t.Errorf("%d certificates are in the metrics", n)
	}
}

func TestSettings(t *testing.T) {
	b := startSystem(t)
	list, err := b.client.Settings(t.Context())
	if err != nil || len(list) != 1 || list[0] != b.Settings()[0] {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestLog(t *testing.T) {
	b := startSystem(t)
	b.log.Info("connector done", "connector", "staff")
	b.log.Warn("upstream down", "upstream", "corp")
	list, err := b.client.Log(t.Context(), admin.LogOptions{Level: "WARN", Query: "CORP"})
	if err != nil || len(list) != 1 || list[0].Message != "upstream down" || list[0].Level != "WARN" || list[0].Attrs[0] != (admin.LogAttr{Key: "upstream", Value: "corp"}) {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := b.client.Log(t.Context(), admin.LogOptions{Limit: 5000}); err == nil {
		t.Error("any number of records is returned")
	}
}

func TestLogEventsFollow(t *testing.T) {
	b := startSystem(t)
	b.log.Info("before")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, w := io.Pipe()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "/api/v1/log/events?q=line", nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		b.server.LocalHandler().ServeHTTP(&pipeAnswer{w}, request)
		w.Close()
	}()
	b.log.Info("line", "n", 1)
	seen := 0
	for lines := bufio.NewScanner(r); lines.Scan(); {
		if strings.Contains(lines.Text(), `"message":"line"`) {
			if seen++; seen == 2 {
				cancel()
				continue
			}
			b.log.Info("line", "n", 2)
		}
	}
	if seen != 2 {
		t.Errorf("%d of two lines were told", seen)
	}
}

type pipeAnswer struct{ *io.PipeWriter }

func (pipeAnswer) Header() http.Header { return http.Header{} }
func (pipeAnswer) WriteHeader(int)     {}

func TestBackupDownload(t *testing.T) {
	b := startSystem(t)
	b.apply(t, "kind: user\nusername: alice\ndisplayname: Alice\n")
	d, err := b.client.BackupFile(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if want := "dialtree-" + time.Now().Format(time.DateOnly) + ".backup"; d.Name != want || d.Type != "application/x-tar" {
		t.Errorf("the file is %s of type %s", d.Name, d.Type)
	}
	path := filepath.Join(t.TempDir(), "backup")
	text, err := io.ReadAll(d)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tar.NewReader(strings.NewReader(string(text))).Next(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if info, err := store.Restore(t.Context(), t.TempDir(), path); err != nil || info.Counts.Users != 1 {
		t.Errorf("restored %+v, %v", info, err)
	}
	if left, _ := filepath.Glob(filepath.Join(b.dir, ".download-*")); len(left) > 0 {
		t.Errorf("%v was left", left)
	}
	figures, err := b.client.StoreFigures(t.Context())
	if err != nil || figures.LastBackup == nil || figures.Bytes == 0 || figures.DiskFree == 0 || figures.Dir != b.dir || figures.Entries["user"] != 1 {
		t.Errorf("the figures are %+v, %v", figures, err)
	}
	if o := b.overview(t); attentionFor(o, "backup") != nil || !slices.Contains(done(o), "backup") {
		t.Errorf("the overview knows of no backup: %+v", o.Attention)
	}
}

func TestWhatAViewerMayRead(t *testing.T) {
	b := startSystem(t)
	c := b.server.ScopedClient()
	for _, tt := range []struct {
		name string
		ask  func(context.Context) error
		may  bool
	}{
		{"overview", func(ctx context.Context) error { _, err := c.Overview(ctx); return err }, true},
		{"trends", func(ctx context.Context) error { _, err := c.Trends(ctx, 1); return err }, true},
		{"config", func(ctx context.Context) error { _, err := c.Settings(ctx); return err }, true},
		{"certificates", func(ctx context.Context) error { _, err := c.Certificates(ctx); return err }, true},
		{"store", func(ctx context.Context) error { _, err := c.StoreFigures(ctx); return err }, true},
		{"log", func(ctx context.Context) error { _, err := c.Log(ctx, admin.LogOptions{}); return err }, false},
		{"backup", func(ctx context.Context) error { _, err := c.BackupFile(ctx); return err }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			viewer := &access.Identity{Name: "viewer", Scopes: access.RoleViewer.Scopes()}
			err := tt.ask(access.With(t.Context(), viewer))
			var problem *admin.Problem
			if tt.may != (err == nil) || !tt.may && (!errors.As(err, &problem) || problem.Status != http.StatusForbidden) {
				t.Errorf("a viewer gets %v", err)
			}
		})
	}
}
