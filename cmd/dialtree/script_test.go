package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/dialtree/dialtree/admin"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"dialtree": main})
}

// TestScripts runs the commands as an administrator would, each script with a data
// directory of its own. Beside testscript's commands there are
//
//	code N COMMAND ARGS...   runs a command, which must end with this exit code
//	certificate              writes cert.pem and key.pem
//	serving                  waits until the server of the data directory answers
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			e.Setenv("DIALTREE_DATA_DIR", filepath.Join(e.WorkDir, "data"))
			e.Setenv("DIALTREE_LDAP_LISTEN", "127.0.0.1:0")
			e.Setenv("DIALTREE_ADMIN_LISTEN", "127.0.0.1:0")
			e.Setenv("NEXT_YEAR", time.Now().AddDate(1, 0, 0).UTC().Format(time.RFC3339))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"code": code, "serving": serving, "certificate": certificate},
	})
}

func code(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	got := 0
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func serving(ts *testscript.TestScript, _ bool, _ []string) {
	client := admin.NewClient(socketPath(ts.Getenv("DIALTREE_DATA_DIR")))
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		status, err := client.Status(ctx)
		if err == nil && status.Ready.Ready {
			return
		}
		select {
		case <-ctx.Done():
			ts.Fatalf("the server does not answer: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// TestScriptsExist: a directory of scripts that is empty would pass.
func TestScriptsExist(t *testing.T) {
	entries, err := os.ReadDir(filepath.Join("testdata", "script"))
	if err != nil || len(entries) < 10 {
		t.Fatalf("%d scripts, %v", len(entries), err)
	}
}
