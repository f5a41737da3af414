package main

import (
	"strings"
	"testing"
	"time"
)

// TestCompletion: names come from the running server.
func TestCompletion(t *testing.T) {
	server := newFakeServer(t, map[string]string{
		"GET /users":                 `{"items":[{"username":"alice"},{"username":"al\tbad"},{"username":"bob"}]}`,
		"GET /contacts":              `{"items":[{"id":"c-1","displayname":"A"}]}`,
		"GET /connectors":            `{"items":[{"name":"staff"},{"name":"crm"}]}`,
		"GET /phonebooks":            `{"items":[{"name":"customers"}]}`,
		"GET /devices":               `{"items":[{"name":"reception"}]}`,
		"GET /templates":             `[{"name":"csv-users"}]`,
		"GET /connectors/staff/runs": `[{"id":"staff-2"},{"id":"staff-1"}]`,
		"GET /jobs":                  "[" + jobRunning + "," + jobEnded + "]",
		"GET /throttle":              `{"users":[{"name":"eve"}],"addresses":[{"name":"192.0.2.7"}]}`,
	})
	for _, tc := range []struct {
		name string
		args []string // the last is what was typed of the word
		want string
	}{
		{"kinds", []string{"get", "u"}, "user upstream"},
		{"users", []string{"get", "users", "al"}, "alice"},
		{"contacts have IDs", []string{"delete", "contact", ""}, "c-1"},
		{"connectors", []string{"connector", "run", ""}, "staff crm"},
		{"one connector only", []string{"connector", "run", "staff", ""}, ""},
		{"templates", []string{"connector", "new", ""}, "csv-users"},
		{"runs", []string{"connector", "undo", "staff-"}, "staff-2 staff-1"},
		{"jobs that run", []string{"job", "cancel", ""}, "j2"},
		{"jobs and connectors", []string{"connector", "watch", ""}, "j2 staff crm"},
		{"devices of a flag", []string{"phone", "--device", ""}, "reception"},
		{"phonebooks of a flag", []string{"export", "contacts", "--phonebook", ""}, "customers"},
		{"vendors", []string{"phone", "yea"}, "yealink"},
		{"addresses", []string{"throttle", "reset", "address", ""}, "192.0.2.7"},
		{"users of a bulk change", []string{"user", "bulk", "auth", "none", "b"}, "bob"},
		{"methods", []string{"user", "bulk", "auth", "up"}, "upstream"},
		{"users of an account", []string{"user", "passwd", "b"}, "bob"},
		{"forms", []string{"job", "list", "-o", ""}, "table json yaml csv"},
		{"names of no kind", []string{"get", "thing", ""}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := completions(t, server, tc.args); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// completions returns what a shell would propose.
func completions(t *testing.T, server *fakeServer, args []string) string {
	stdout, _, code := server.dialtree(t.Context(), "", append([]string{"__complete"}, args...)...)
	lines := strings.Fields(stdout)
	if code != 0 || len(lines) == 0 || !strings.HasPrefix(lines[len(lines)-1], ":") {
		t.Fatalf("exit code %d: %q", code, stdout)
	}
	return strings.Join(lines[:len(lines)-1], " ")
}

// TestCompletionDoesNotWait: a shell must not hang, nor show errors, when the server is away or slow.
func TestCompletionDoesNotWait(t *testing.T) {
	slow := newFakeServer(t, map[string]string{"GET /connectors": "hang"})
	began := time.Now()
	if got := completions(t, slow, []string{"connector", "run", ""}); got != "" {
		t.Errorf("a slow server: %q", got)
	}
	if took := time.Since(began); took > 2*completionTime {
		t.Errorf("it took %v", took)
	}
	away := &fakeServer{dir: t.TempDir()}
	if got := completions(t, away, []string{"connector", "run", ""}); got != "" {
		t.Errorf("no server: %q", got)
	}
}
