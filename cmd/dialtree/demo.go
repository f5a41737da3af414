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

func newDemoCommand(e *env) *cobra.Command {
	var listen, adminListen string
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run everything on loopback with sample data and print what to try",
		Long: `Demo starts a small company directory, writes sample users to a CSV file, imports
them, and serves LDAP, so that every part of the product can be tried in a minute.
It listens on this machine only. Ctrl-C ends it and removes what it wrote, unless
a data directory was named.`,
		Example: `  dialtree demo
  dialtree demo --listen 127.0.0.1:1389 --data-dir /tmp/demo`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runDemo(c.Context(), e, listen, adminListen)
		},
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:3389", "address for LDAP; port 0 takes any free one")
	c.Flags().StringVar(&adminListen, "admin-listen", "127.0.0.1:8389", "address for the page, the API, metrics and health checks; empty for none")
	return c
}

func runDemo(ctx context.Context, e *env, listen, adminListen string) (err error) {
	c := config.Default()
	c.BaseDN = "dc=example,dc=com"
	c.LDAP.Listen = config.Addresses{listen}
	c.Admin.Listen = adminListen
	c.Log.Level = "warn" // one login is one line: they would bury what to try
	if c.DataDir = e.dataDir; c.DataDir == "" {
		if c.DataDir, err = os.MkdirTemp("", "dialtree-demo-"); err != nil {
			return err
		}
		defer os.RemoveAll(c.DataDir)
	}
	for _, address := range []string{listen, adminListen} {
		if err := onLoopback(address); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return err
	}
	usersFile, users, err := sampleFile(c.DataDir, "users.csv")
	if err != nil {
		return err
	}
	customersFile, _, err := sampleFile(c.DataDir, "customers.csv")
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

	tail := logtail.New()
	sockets, _, err := openSockets(ctx, c, nil)
	if err != nil {
		return err
	}
	logger := newLogger(c, e.stderr, isTerminal(e.stderr), tail)
	n, err := newNode(ctx, c, logger, tail, sockets)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer stayAsItIs(logger)()
	ended := make(chan error, 1)
	go func() { ended <- n.run(ctx, func() {}) }()

	d := demo{
		env: e, client: admin.NewClient(socketPath(c.DataDir)),
		LDAP: n.ldapListeners[0].Addr().String(), Upstream: directory.address,
		Program: e.program() + " --data-dir " + c.DataDir,
		Users:   usersFile, Customers: customersFile, Password: demoPassword("alice"), DevicePassword: rand.Text(),
	}
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

// stayAsItIs has the demo live on when it is told what it cannot do: there is no configuration to read again, and its directory
// would not outlive a restart. What it returns ends that.
func stayAsItIs(logger *slog.Logger) (end func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGUSR2)
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
	objects, err := d.render("objects.yaml")
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
	text, err := d.render("welcome.txt")
	if err == nil {
		_, err = io.WriteString(d.env.stdout, text)
	}
	return err
}

// render fills in one of the demo's files.
func (d *demo) render(name string) (string, error) {
	t, err := template.ParseFS(demoFiles, "demo/"+name)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	err = t.Execute(&text, d)
	return text.String(), err
}
