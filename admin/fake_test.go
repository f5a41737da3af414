package admin_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/admin/phonesettings"
	"github.com/dialtree/dialtree/store"
)

// fakeSyncer plays a connector's run.
type fakeSyncer struct {
	report *admin.Report
	err    error
	block  chan struct{} // closed when the run may end; nil: at once
	panics bool
	silent bool // it tells no progress

	password string // that the last look at a source would have sent
}

func (f *fakeSyncer) Check(c *store.Connector) error {
	if c.Template != "csv-users" {
		return &store.FieldError{Path: "template", Message: "is unknown"}
	}
	return c.Validate()
}

func (f *fakeSyncer) Upstream(c *store.Connector) (*store.Upstream, error) {
	if c.Filter != "" {
		return nil, &store.FieldError{Path: "authentication", Message: "cannot be true here"}
	}
	return &store.Upstream{Name: c.Name, URLs: []string{"ldaps://dc1"}, BindDN: "%@example.com"}, nil
}

func (f *fakeSyncer) Import(ctx context.Context, name string, o admin.ImportOptions) (*admin.Report, error) {
	if o.Progress != nil && !f.silent {
		o.Progress(admin.Progress{Phase: "fetch", Done: 1})
		o.Progress(admin.Progress{Phase: "apply", Done: 2, Total: 2})
	}
	if f.panics {
		panic("a source does something unforeseen")
	}
	if f.block != nil {
		select {
		case <-f.block:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if f.err != nil || f.report != nil {
		return f.report, f.err
	}
	return &admin.Report{Run: store.Run{ID: name + "-1", Connector: name, Result: store.RunDone, Created: 2}, DryRun: o.DryRun}, nil
}

func (f *fakeSyncer) ImportFile(ctx context.Context, file admin.HandFile, o admin.ImportOptions) (*admin.Report, error) {
	if file.Target != "users" {
		return nil, &store.FieldError{Path: "to", Message: "is unknown"}
	}
	r, err := f.Import(ctx, store.HandImports, o)
	if r != nil {
		r.Notes = []string{file.Name + ": " + string(file.Content)}
	}
	return r, err
}

func (f *fakeSyncer) Undo(_ context.Context, run, by string) (*admin.Report, error) {
	if run != "staff-1" {
		return nil, &store.NotFoundError{What: "run " + run}
	}
	return &admin.Report{Run: store.Run{ID: "staff-2", Undoes: run, Result: store.RunDone, Removed: 2}}, nil
}

func (f *fakeSyncer) Preview(_ context.Context, connector string, records int) (*admin.Preview, error) {
	if connector != "staff" {
		return nil, &store.NotFoundError{What: "connector " + connector}
	}
	return &admin.Preview{Records: make([]admin.PreviewedRecord, records)}, nil
}

func (f *fakeSyncer) Next(string) (time.Time, bool) { return time.Time{}, false }

func (f *fakeSyncer) Templates() []admin.Template {
	return []admin.Template{{Name: "csv-users", Title: "Users from a CSV file"}}
}

func (f *fakeSyncer) NewConnector(template, name string) (string, error) {
	if template != "csv-users" {
		return "", &store.FieldError{Path: "template", Message: "is unknown"}
	}
	return "kind: connector\nname: " + name + "\n", nil
}

// fakeLogins hashes by reversing, so that a test sees whether a password was kept.
type fakeLogins struct{}

func (fakeLogins) TestLogin(_ context.Context, login string, password []byte, _ admin.Tester) admin.LoginTest {
	t := admin.LoginTest{Login: login, Outcome: "refused", ResultCode: 49, ResultName: "invalidCredentials",
		Steps: []admin.LoginStep{{Name: "store", Detail: "user", OK: true, Duration: 1500 * time.Microsecond}}}
	if string(password) == "right" {
		t.Outcome, t.ResultCode, t.ResultName = "accepted", 0, "success"
	}
	return t
}

// hashOf is an argon2id hash in form only; the store looks at no more.
const hashOf = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$"

func (fakeLogins) HashPassword(_ context.Context, password []byte, current store.Secret) (store.Secret, error) {
	if len(password) < 4 {
		return store.Secret{}, &store.FieldError{Path: "password", Message: "is too short"}
	}
	hash := hashOf + "bWFya2VyLWhhc2gtbWFya2VyLWhhc2gtMTIzNDU2Nzg"
	if old, err := current.Resolve(); err == nil && old == hash {
		return current, nil
	}
	return store.Literal(hash), nil
}

type fakeUpstreams struct{}

func (fakeUpstreams) Check(*store.Upstream) error { return nil }

func (fakeUpstreams) Health() []admin.UpstreamHealth {
	return []admin.UpstreamHealth{{Name: "corp", Servers: []admin.ServerHealth{{URL: "ldaps://dc1", Up: false, LastError: "timeout"}}}}
}

// fakeDirectory finds everybody who is asked for.
type fakeDirectory struct{}

func (fakeDirectory) LookUp(_ context.Context, text string, as store.Reader) (*admin.Lookup, error) {
	if as.Name == "nobody" {
		return nil, store.ErrNotFound
	}
	return &admin.Lookup{Steps: []admin.LookupStep{{Title: "whose number it is", Filter: "(cn=*)", Entries: []admin.LookupEntry{{Name: text, DN: "uid=1"}}}}}, nil
}

// fakeDevices knows branch, who may read the phonebook customers, and slow, who may read none. The version of a phonebook is
// the number of the last change.
type fakeDevices struct {
	store *store.Store
	block chan struct{} // closed when a phonebook may be told of; nil: at once
}

func (fakeDevices) Login(_ context.Context, client netip.AddrPort, name string, secret []byte) (string, error) {
	switch {
	case !client.IsValid():
		return "", errors.New("no address")
	case name == "throttled":
		return "", admin.ErrLoginThrottled
	case name == "lost":
		return "", errors.New("open /run/hunter2: no such file")
	case (name == "branch" || name == "slow") && string(secret) == "right":
		return name, nil
	}
	return "", admin.ErrLoginRefused
}

func (f *fakeDevices) Phonebook(ctx context.Context, device, name string) (admin.ReadablePhonebook, bool, error) {
	if f.block != nil {
		select {
		case <-f.block:
		case <-ctx.Done():
			return admin.ReadablePhonebook{}, false, ctx.Err()
		}
	}
	if device != "branch" || name != "customers" {
		return admin.ReadablePhonebook{}, false, nil
	}
	p := admin.ReadablePhonebook{Name: name, Title: "Our customers", Version: strconv.FormatUint(f.store.Seq(), 10)}
	for e, err := range f.store.Entries(ctx, store.Query{Kind: store.KindContact, Phonebook: name}) {
		if err != nil {
			return p, false, err
		}
		if !e.Hidden() {
			p.Total++
		}
	}
	return p, true, nil
}

// fakeFront listens on the address 192.0.2.5, with StartTLS and without LDAPS.
func fakeFront() admin.Front {
	return admin.Front{
		Listeners: func() []phonesettings.Listener {
			return []phonesettings.Listener{{Address: netip.MustParseAddrPort("192.0.2.5:389")}}
		},
		StartTLS: true,
		BaseDN:   "dc=example",
		UsersDN:  "ou=users,dc=example",
		PhonebookDN: func(name string) string {
			if name == "" {
				return "ou=phonebook,dc=example"
			}
			return "ou=" + name + ",ou=phonebook,dc=example"
		},
		DeviceDN: func(name string) string { return "cn=" + name + ",ou=devices,dc=example" },
	}
}

// A logBuffer collects what the server logs.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// A bench is a running server over a real store.
type bench struct {
	store   *store.Store
	server  *admin.Server
	syncer  *fakeSyncer
	devices *fakeDevices
	client  *admin.Client
	socket  string
	public  string // address of the public listener
	log     *logBuffer
	ready   error
	stop    func()
}

func start(t *testing.T) *bench {
	t.Helper()
	return startWith(t, func(*admin.Options) {})
}

// startWith starts a server with options that a test changes.
func startWith(t *testing.T, change func(*admin.Options)) *bench {
	t.Helper()
	dir := t.TempDir()
	st, err := store.Open(t.Context(), store.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{store: st, syncer: &fakeSyncer{}, devices: &fakeDevices{store: st}, socket: filepath.Join(dir, "dialtree.sock"), log: &logBuffer{}}
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "dialtree_test", Help: "One."}, func() float64 { return 1 }))
	options := admin.Options{
		Store: st, Syncer: b.syncer, Logins: fakeLogins{}, Upstreams: fakeUpstreams{}, Gatherer: registry, Front: fakeFront(), Directory: fakeDirectory{}, Devices: b.devices, Finder: fakeFinder{st}, LoginWatch: fakeLoginWatch{}, SignIns: &fakeSignIns{}, Address: func() string { return "https://pbx.example.com:8389" },
		ClearFrom:   []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
		MetricsFrom: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Logger:      slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Version:     admin.Version{Version: "v1", Go: "go"},
		Ready:       func() error { return b.ready },
	}
	change(&options)
	if b.server, err = admin.New(options); err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("unix", b.socket)
	if err != nil {
		t.Fatal(err)
	}
	public, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.public, b.client = public.Addr().String(), admin.NewClient(b.socket)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.server.Run(ctx, socket, public) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(10 * time.Second):
			t.Error("Run does not end")
		}
		problems, err := st.Check(context.Background())
		if err = errors.Join(err, st.Close()); err != nil || len(problems) > 0 {
			t.Error(problems, err)
		}
	})
	t.Cleanup(b.stop)
	return b
}

func (b *bench) apply(t *testing.T, yaml string) []admin.Applied {
	t.Helper()
	out, err := b.client.Apply(t.Context(), []admin.File{{Name: "f.yaml", Text: yaml}}, false)
	if err != nil {
		t.Fatal(err)
	}
	return out.Applied
}
