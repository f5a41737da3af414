package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/demoetcd"
)

// maxDemoNodes bounds a demo: each node is a process.
const maxDemoNodes = 9

// demoRestartPause is how long a node that ended stays away, for somebody to look at those that are left.
const demoRestartPause = 15 * time.Second

// A demoCluster is the demo of several nodes. etcd and the company's directory run in this process, each node in one of its own, so that it
// can be killed and held up.
type demoCluster struct {
	demo
	Dir   string
	Nodes []*demoNode
	etcd  *demoetcd.Server
	ended chan *demoNode
}

// What the welcome is filled with, beside the fields.

// PID is that of the demo itself.
func (d *demoCluster) PID() int { return os.Getpid() }

// Etcd is where etcd is.
func (d *demoCluster) Etcd() string { return d.etcd.Endpoint() }

// Pause is how long a node that ended stays away.
func (d *demoCluster) Pause() string { return demoRestartPause.String() }

// runDemoCluster shows several nodes. What it needs of the directory and the sample files is made like for one.
func runDemoCluster(ctx context.Context, o *demoOptions, d demo) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := &demoCluster{demo: d, Dir: o.dir, ended: make(chan *demoNode)}
	if err := c.place(o); err != nil {
		return err
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	c.etcd = demoetcd.New(filepath.Join(o.dir, "etcd"), address)
	if err := c.etcd.Start(ctx); err != nil {
		return err
	}
	defer c.etcd.Stop()
	defer c.stop()
	toggles := make(chan os.Signal, 1)
	signal.Notify(toggles, syscall.SIGUSR1)
	defer signal.Stop(toggles)
	if err := c.start(ctx); err != nil {
		return err
	}
	if err := c.explain(); err != nil {
		return err
	}
	return c.attend(ctx, toggles)
}

// place gives every node its addresses and writes its configuration.
func (d *demoCluster) place(o *demoOptions) error {
	ldap, page := o.listen, o.adminListen
	taken := map[string]bool{}
	for i := range o.nodes {
		n := &demoNode{Name: "node" + strconv.Itoa(i+1)}
		n.Dir = filepath.Join(o.dir, n.Name)
		var err error
		if n.LDAP, err = freeFrom(ldap, i == 0, taken); err != nil {
			return fmt.Errorf("LDAP of %s: %w", n.Name, err)
		}
		if page != "" {
			if n.Page, err = freeFrom(page, i == 0, taken); err != nil {
				return fmt.Errorf("page of %s: %w", n.Name, err)
			}
		}
		d.Nodes = append(d.Nodes, n)
	}
	return nil
}

// freeFrom returns an address at which nobody listens: the given one, or where it need not be that, the next port that is free.
// Port 0 is any.
func freeFrom(address string, exactly bool, taken map[string]bool) (string, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return "", fmt.Errorf("port %q: %w", text, err)
	}
	if port == 0 {
		port, exactly = anyPort(), false
	}
	for {
		candidate := net.JoinHostPort(host, strconv.Itoa(port))
		if !taken[candidate] {
			l, err := net.Listen("tcp", candidate)
			if err == nil {
				found := l.Addr().String()
				l.Close()
				taken[found] = true
				return found, nil
			}
			if exactly {
				return "", fmt.Errorf("listen on %s: %w%s", candidate, err, listenHint(err, candidate))
			}
		}
		if port++; port > 65535 {
			return "", fmt.Errorf("no port from %s on is free", address)
		}
	}
}

// start makes the first node's content that of the cluster, fills it, and has the others join.
func (d *demoCluster) start(ctx context.Context) error {
	for i, n := range d.Nodes {
		c, err := n.configure(d)
		if err != nil {
			return err
		}
		_, err = os.Stat(storePath(n.Dir))
		fresh := errors.Is(err, os.ErrNotExist)
		if fresh {
			quiet := *d.env
			quiet.stdout = io.Discard
			if i == 0 {
				err = initCluster(ctx, &quiet, c, false)
			} else {
				err = joinCluster(ctx, &quiet, c)
			}
			if err != nil {
				return err
			}
		}
		if err := n.start(ctx, d); err != nil {
			return err
		}
		if i == 0 {
			d.client = admin.NewClient(socketPath(n.Dir))
			if err := d.fill(ctx); err != nil {
				return err
			}
			if err := d.letIn(ctx, fresh); err != nil {
				return err
			}
		}
	}
	return nil
}

// letIn makes the link to the first sign-in of a demo that is new.
func (d *demoCluster) letIn(ctx context.Context, fresh bool) error {
	if !fresh || d.Nodes[0].Page == "" {
		return nil
	}
	link, err := d.client.NewLink(ctx, "")
	if err == nil {
		d.Link = link.URL
	}
	return err
}

// explain prints what to try.
func (d *demoCluster) explain() error {
	text, err := render("nodes.txt", d)
	if err == nil {
		_, err = io.WriteString(d.env.stdout, text)
	}
	return err
}

// attend starts nodes again that ended, and stops and starts etcd, until ctx ends.
func (d *demoCluster) attend(ctx context.Context, toggles <-chan os.Signal) error {
	again := make(chan *demoNode)
	for {
		select {
		case <-ctx.Done():
			return nil
		case n := <-d.ended:
			fmt.Fprintf(d.env.stdout, "%s ended (%s): it is started again in %v\n", n.Name, n.how, demoRestartPause)
			time.AfterFunc(demoRestartPause, func() {
				select {
				case again <- n:
				case <-ctx.Done():
				}
			})
		case n := <-again:
			if err := n.start(ctx, d); err != nil && ctx.Err() == nil {
				fmt.Fprintf(d.env.stderr, "dialtree: %v\n", err)
				continue
			}
			fmt.Fprintf(d.env.stdout, "%s runs again as process %d\n", n.Name, n.PID())
		case <-toggles:
			if err := d.toggle(ctx); err != nil {
				return err
			}
		}
	}
}

func (d *demoCluster) toggle(ctx context.Context) error {
	if d.etcd.Running() {
		d.etcd.Stop()
		_, err := fmt.Fprintln(d.env.stdout, "etcd is stopped: the same signal starts it again")
		return err
	}
	if err := d.etcd.Start(ctx); err != nil {
		return err
	}
	_, err := fmt.Fprintln(d.env.stdout, "etcd runs again")
	return err
}
