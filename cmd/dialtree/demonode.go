package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/config"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/service"
)

const (
	demoStartTime = 30 * time.Second // within which a node answers
	demoStopTime  = 10 * time.Second // within which it ends when asked to
)

// A demoNode is one node of the demo: a process with a configuration.
type demoNode struct {
	Name       string
	LDAP, Page string // addresses; Page is empty for none
	Dir        string // of its data
	file       string // its configuration
	running    *exec.Cmd
	done       chan struct{} // closed when running has ended; nil: it was never started
	how        string        // it ended
}

// PID is that of its process.
func (n *demoNode) PID() int { return n.running.Process.Pid }

// configure writes its configuration and reads it back.
func (n *demoNode) configure(d *demoCluster) (*config.Config, error) {
	n.file = n.Dir + ".yaml"
	f, err := os.OpenFile(n.file, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	err = writeYAML(f, map[string]any{
		"data_dir": n.Dir,
		"base_dn":  "dc=example,dc=com",
		"ldap":     map[string]any{"listen": n.LDAP},
		"admin":    map[string]any{"listen": n.Page},
		"log":      map[string]any{"file": n.Dir + ".log", "format": "text"},
		"cluster": map[string]any{
			"node":     n.Name,
			"etcd":     map[string]any{"endpoints": []string{d.etcd.Endpoint()}},
			"key_file": filepath.Join(d.Dir, "cluster.key"),
		},
	})
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return config.Load(n.file, nil)
}

// start runs it and waits until it answers.
func (n *demoNode) start(ctx context.Context, d *demoCluster) error {
	program, err := d.env.programPath()
	if err != nil {
		return err
	}
	c := exec.Command(program, "serve", "--config", n.file)
	c.Env = withoutOwnVariables(service.Without(d.env.environ))
	c.Stderr = d.env.stderr // what comes before its log is open
	c.SysProcAttr = childOfDemo()
	n.running, n.done = c, make(chan struct{})
	if err := n.watch(ctx, d.ended); err != nil {
		return fmt.Errorf("start %s: %w", n.Name, err)
	}
	client := admin.NewClient(socketPath(n.Dir))
	starting, cancel := context.WithTimeout(ctx, demoStartTime)
	defer cancel()
	for {
		if status, err := client.Status(starting); err == nil && status.PID == n.PID() && status.Ready.Ready {
			return nil
		}
		select {
		case <-n.done:
			return fmt.Errorf("%s ended at its start (%s); the end of its log:\n%s", n.Name, n.how, n.lastWords())
		case <-starting.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("%s does not answer; the end of its log:\n%s", n.Name, n.lastWords())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// lastWords are the end of its log, which is removed with the demo.
func (n *demoNode) lastWords() string {
	const most = 4000
	text, err := os.ReadFile(n.Dir + ".log")
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}

// watch starts its process, and tells when it ended while ctx lasts.
func (n *demoNode) watch(ctx context.Context, ended chan<- *demoNode) error {
	c, done := n.running, n.done
	started := make(chan error)
	go func() {
		// The signal by which a child dies with its parent is sent when the thread that started it ends (prctl(2)): so it stays.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.Start()
		started <- err
		if err != nil {
			return
		}
		n.how = "exit status 0"
		if err := c.Wait(); err != nil {
			n.how = err.Error()
		}
		close(done)
		select {
		case ended <- n:
		case <-ctx.Done():
		}
	}()
	return <-started
}

// stop ends all nodes. One that is held up is let go, so that it can end.
func (d *demoCluster) stop() {
	var ending sync.WaitGroup
	for _, n := range d.Nodes {
		if n.done == nil {
			continue
		}
		ending.Go(func() {
			for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGCONT} {
				_ = n.running.Process.Signal(s) // it may have ended
			}
			select {
			case <-n.done:
			case <-time.After(demoStopTime):
				_ = n.running.Process.Kill()
				<-n.done
			}
		})
	}
	ending.Wait()
}

// withoutOwnVariables takes away what would override every node's configuration alike.
func withoutOwnVariables(environ []string) []string {
	out := []string{} // none is none, and not this process's own
	for _, e := range environ {
		if !strings.HasPrefix(e, "DIALTREE_") {
			out = append(out, e)
		}
	}
	return out
}
