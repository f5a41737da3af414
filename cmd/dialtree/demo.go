package main

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"text/template"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/admin/logtail"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/config"
)

//go:embed demo
var demoFiles embed.FS

// demoOptions are what a demo is started with.
type demoOptions struct {
	listen, adminListen string
	nodes               int
	dir                 string // where everything is
}

func newDemoCommand(e *env) *cobra.Command {
	var o demoOptions
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run everything on loopback with sample data and print what to try",
		Long: `Demo starts a small company directory, writes sample users to a CSV file, imports
them, and serves LDAP, so that every part of the product can be tried in a minute.
It listens on this machine only. Ctrl-C, or closing its terminal, ends it and removes
what it wrote, unless a data directory was named.

With --nodes it runs several nodes that share their content through an etcd, which is part
of the demo. Each node is a process that can be killed and held up, and the demo prints
how. The first has the addresses that are given, the others the next ports that are free.`,
		Example: `  dialtree demo
  dialtree demo --nodes 3
  dialtree demo --listen 127.0.0.1:1389 --data-dir /tmp/demo`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.nodes < 1 || o.nodes > maxDemoNodes {
				return usagef(c, "--nodes %d: it must be from 1 to %d", o.nodes, maxDemoNodes)
			}
			ctx := c.Context()
			if !signal.Ignored(syscall.SIGHUP) { // by nohup
				var stop context.CancelFunc
				ctx, stop = signal.NotifyContext(ctx, syscall.SIGHUP) // its terminal is closed, and nobody is left who could end it
				defer stop()
			}
			return runDemo(ctx, e, o)
		},
	}
	c.Flags().StringVar(&o.listen, "listen", "127.0.0.1:3389", "address for LDAP; port 0 takes any free one")
	c.Flags().StringVar(&o.adminListen, "admin-listen", "127.0.0.1:8389", "address for the page, the API, metrics and health checks; empty for none")
	c.Flags().IntVar(&o.nodes, "nodes", 1, "how many `nodes` share their content")
	return c
}

// runDemo makes what every demo needs, the company's directory and the sample files, and runs it.
func runDemo(ctx context.Context, e *env, o demoOptions) (err error) {
	for _, address := range []string{o.listen, o.adminListen} {
		if err := onLoopback(address); err != nil {
			return err
		}
	}
	if o.dir = e.dataDir; o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "dialtree-demo-"); err != nil {
			return err
		}
		defer os.RemoveAll(o.dir)
	} else if o.dir, err = filepath.Abs(o.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return err
	}
	usersFile, users, err := sampleFile(o.dir, "users.csv")
	if err != nil {
		return err
	}
	customersFile, _, err := sampleFile(o.dir, "customers.csv")
	if err != nil {
		return err
	}
	passwords, err := demoPasswords(users)
	if err != nil {
		return err
	}
	directory, err := startDemoDirectory(passwords)
	if err != nil {
		return err
	}
	defer directory.stop()
	d := demo{
		env: e, Program: e.program(), Upstream: directory.address,
		Users: usersFile, Customers: customersFile, Password: demoPassword("alice"), DevicePassword: rand.Text(),
	}
	if o.nodes > 1 {
		return runDemoCluster(ctx, &o, d)
	}
	return runDemoAlone(ctx, &o, d)
}

// runDemoAlone shows one node, in this process.
func runDemoAlone(ctx context.Context, o *demoOptions, d demo) error {
	c := config.Default()
	c.BaseDN = "dc=example,dc=com"
	c.DataDir = o.dir
	c.LDAP.Listen = config.Addresses{o.listen}
	c.Admin.Listen = o.adminListen
	c.Log.Level = "warn" // one login is one line: they would bury what to try
	tail := logtail.New()
	sockets, _, err := openSockets(ctx, c, nil)
	if err != nil {
		return err
	}
	logger := newLogger(c, d.env.stderr, isTerminal(d.env.stderr), tail)
	n, err := newNode(ctx, c, logger, tail, sockets)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer stayAsItIs(logger)()
	ended := make(chan error, 1)
	go func() { ended <- n.run(ctx, func() {}) }()

	d.client = admin.NewClient(socketPath(o.dir))
	d.LDAP = n.ldapListeners[0].Addr().String()
	d.Program += " --data-dir " + o.dir
	if n.adminListener != nil {
		d.Admin = n.adminListener.Addr().String()
	}
	link, err := n.admin.FirstLink()
	if link != nil {
		d.Link = link.URL
	}
	if err := errors.Join(err, d.fill(ctx), d.explain()); err != nil {
		cancel()
		return errors.Join(err, <-ended)
	}
	return <-ended
}

// stayAsItIs has the demo live on when it is told to restart, which its directory would not outlive. What it returns ends that.
func stayAsItIs(logger *slog.Logger) (end func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR2)
	go func() {
		for range signals {
			logger.Error(restartRefused, "error", "the demo does not restart: end it with Ctrl-C and start it again")
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
	}
}

// A demo is a running demo.
type demo struct {
	env    *env
	client *admin.Client

	// What its files are filled with.
	LDAP, Admin    string // addresses; Admin is empty for none
	Upstream       string
	Program        string // the command line up to the command
	Users          string // the CSV files
	Customers      string
	Password       string // Alice's
	DevicePassword string
	Link           string // sets the first administrator's password; empty where there is one
}

// sampleFile writes one of the demo's files for a connector to read.
func sampleFile(dir, name string) (path, text string, err error) {
	data, err := demoFiles.ReadFile("demo/" + name)
	if err != nil {
		return "", "", err
	}
	path = filepath.Join(dir, name)
	return path, string(data), os.WriteFile(path, data, 0o600)
}

// demoPasswords gives every sample user the password that the demo names.
func demoPasswords(users string) (map[string]string, error) {
	rows, err := csv.NewReader(strings.NewReader(users)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read the sample users: %w", err)
	}
	passwords := make(map[string]string, len(rows))
	for _, row := range rows[1:] {
		passwords["uid="+row[1]+",ou=people,dc=example,dc=com"] = demoPassword(row[1])
	}
	return passwords, nil
}

func demoPassword(username string) string { return username + "-secret" }

// onLoopback refuses an address that other machines reach: the sample passwords
// are printed.
func onLoopback(address string) error {
	if address == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("address %q: %w; write it like 127.0.0.1:3389", address, err)
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("address %q: the demo listens on this machine only, such as on 127.0.0.1:3389; its passwords are known to everybody", address)
}

// fill applies the sample objects and imports the sample users and customers, through the same
// door as the commands.
func (d *demo) fill(ctx context.Context) error {
	objects, err := render("objects.yaml", d)
	if err != nil {
		return err
	}
	applied, err := d.client.Apply(ctx, []admin.File{{Name: "objects.yaml", Text: objects}}, false)
	if err != nil {
		return err
	}
	writeApplied(d.env.stdout, applied)
	for _, connector := range []string{"staff", "crm"} {
		bar := newProgress(d.env)
		report, err := d.client.Run(ctx, connector, admin.ImportOptions{Progress: bar.show})
		bar.clear()
		if err != nil {
			return err
		}
		writeReport(d.env.stdout, report)
		if err := resultError(report); err != nil {
			return err
		}
	}
	return nil
}

// explain prints what to try. Every line works when it is pasted.
func (d *demo) explain() error {
	text, err := render("welcome.txt", d)
	if err == nil {
		_, err = io.WriteString(d.env.stdout, text)
	}
	return err
}

// render fills in one of the demo's files.
func render(name string, d any) (string, error) {
	t, err := template.ParseFS(demoFiles, "demo/"+name)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	err = t.Execute(&text, d)
	return text.String(), err
}
