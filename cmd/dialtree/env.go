package main

import (
	"errors"
	"io"
	"path/filepath"
	"strings"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/admin/yamldoc"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/config"
)

// An env is what a command reads and writes besides its own flags.
type env struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	environ        []string // as os.Environ has it
	name           string   // how this program was called; empty: dialtree
	args           []string // with what

	// The flags of every command.
	configFile string // empty: no file
	dataDir    string // empty: what the configuration says
}

// getenv returns an environment variable; empty when it is not set.
func (e *env) getenv(name string) string {
	// The last one counts, as in a shell.
	for i := len(e.environ) - 1; i >= 0; i-- {
		if n, value, ok := strings.Cut(e.environ[i], "="); ok && n == name {
			return value
		}
	}
	return ""
}

// program is how lines to paste call this program.
func (e *env) program() string {
	if e.name == "" {
		return "dialtree"
	}
	return e.name
}

// loadConfig reads the configuration that --config names; --data-dir overrides it.
// An error is of the type yamldoc.Problems and holds every mistake.
func loadConfig(e *env) (*config.Config, error) {
	c, err := readConfig(e, e.configFile)
	if err != nil {
		return nil, err
	}
	if e.dataDir != "" && e.dataDir != c.DataDir {
		c.DataDir = e.dataDir
		c.Origins["data_dir"] = config.Origin{From: config.FromFlag, Where: "--data-dir"}
	}
	return c, nil
}

// readConfig reads a configuration and finds all of its mistakes.
func readConfig(e *env, path string) (*config.Config, error) {
	c, err := config.Load(path, e.environ)
	if err == nil {
		err = checkBackups(c)
	}
	return c, err
}

// directory returns the data directory that a command is about. The configuration is
// not looked at when a flag or variable names it.
func (e *env) directory() (string, error) {
	if e.dataDir != "" {
		return e.dataDir, nil
	}
	c, err := loadConfig(e)
	if err != nil {
		return "", err
	}
	return c.DataDir, nil
}

// client returns a client of the server that runs for the data directory.
func (e *env) client() (*admin.Client, error) {
	dir, err := e.directory()
	if err != nil {
		return nil, err
	}
	return admin.NewClient(socketPath(dir)), nil
}

// socketPath is where the server of a data directory listens for commands.
func socketPath(dataDir string) string { return filepath.Join(dataDir, "dialtree.sock") }

// storePath is where the store of a data directory is.
func storePath(dataDir string) string { return filepath.Join(dataDir, "dialtree.db") }

// notRunning tells whether an error says that there is no server.
func notRunning(err error) bool {
	var e *admin.ErrNotRunning
	return errors.As(err, &e)
}

// documentMistakes tells whether every line of an error begins with its own place.
func documentMistakes(err error) bool {
	var ps yamldoc.Problems
	var p *admin.Problem
	return errors.As(err, &ps) || errors.As(err, &p) && len(p.Errors) > 0
}
