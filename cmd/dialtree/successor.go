package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dialtree/dialtree/cmd/dialtree/internal/service"
)

// restartRefused is what the log says; `dialtree restart` looks for it.
const restartRefused = "the restart was refused: this program goes on serving"

// trialTime is how long the next program may take for each answer before it is not trusted to serve.
const trialTime = 15 * time.Second

// A successor is the program that is to take over this process, once it was found fit for that.
type successor struct {
	program string // a path
	version string
	sockets *service.Handover
}

// prepare finds out whether the program that a restart would execute can take over, so that a broken upgrade leaves this one serving.
// It changes nothing but that the sockets are held open, those of addresses that are new in the configuration among them.
func (s *server) prepare(ctx context.Context, n *node) (*successor, error) {
	program, err := s.env.programPath()
	if err != nil {
		return nil, err
	}
	next := &successor{program: program}
	if next.version, err = s.tryVersion(ctx, program, n.store.Schema()); err != nil {
		return nil, err
	}
	if err := s.tryConfiguration(ctx, program); err != nil {
		return nil, err
	}
	sockets := n.sockets
	if c, err := loadConfig(s.env); err == nil { // otherwise it has keys that only the next program knows
		if sockets, _, err = openSockets(ctx, c, n.sockets); err != nil {
			return nil, err
		}
	}
	next.sockets, err = service.Hold(sockets)
	for _, l := range sockets {
		if !slices.Contains(n.sockets, l) {
			l.Close() // what holds it is enough
		}
	}
	return next, err
}

// programPath is the file that a restart executes: the one that this program was called by, whatever lies there now, rather than the
// one that runs, which may have been replaced.
func (e *env) programPath() (string, error) {
	path, err := exec.LookPath(e.program())
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return "", fmt.Errorf("find the program to restart as: %w", err)
	}
	return path, nil
}

// tryVersion asks the next program what it is. It must know the schema of the store, which in a cluster may be behind that of this program.
func (s *server) tryVersion(ctx context.Context, program string, schema int) (string, error) {
	out, err := s.try(ctx, program, "version", "-o", "json")
	if err != nil {
		return "", err
	}
	var v struct {
		Version string `json:"version"`
		Schema  int    `json:"schema"`
	}
	if err := json.Unmarshal(out, &v); err != nil {
		return "", fmt.Errorf("%s version does not answer as a dialtree does: %w", program, err)
	}
	if v.Schema < schema {
		return "", fmt.Errorf("%s (version %s) knows stores up to schema version %d, and this one has %d: to go back to an older dialtree, stop this one and put the copy made before the upgrade in place",
			program, v.Version, v.Schema, schema)
	}
	return v.Version, nil
}

// tryConfiguration has the next program check the configuration.
func (s *server) tryConfiguration(ctx context.Context, program string) error {
	args := []string{"config", "check"}
	if s.env.configFile != "" {
		args = append(args, s.env.configFile)
	}
	_, err := s.try(ctx, program, args...)
	return err
}

// try runs the next program to its end, and returns what it wrote.
func (s *server) try(ctx context.Context, program string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	c := exec.CommandContext(ctx, program, args...)
	c.Env = service.Without(s.env.environ)
	c.WaitDelay = time.Second // for what it may have started
	var stderr bytes.Buffer
	c.Stdin, c.Stderr = strings.NewReader(""), &stderr // of its own: an empty root directory has no /dev/null
	out, err := c.Output()
	if err != nil {
		said := strings.TrimSpace(string(out) + stderr.String())
		return nil, fmt.Errorf("%s %s: %w", program, strings.Join(args, " "), errors.Join(err, errors.New(said[:min(len(said), 2000)])))
	}
	return out, nil
}

// exec makes the next program take over this process. It returns only when that fails.
func (n *successor) exec(s *server) error {
	// The secrets were given up at the first start; those that were entered since are to stay.
	args := slices.DeleteFunc(slices.Clone(s.env.args), func(arg string) bool {
		return arg == "--"+flagForgetSecrets || strings.HasPrefix(arg, "--"+flagForgetSecrets+"=")
	})
	return s.given.Exec(n.program, append([]string{s.env.program()}, args...), os.Environ(), n.sockets)
}
