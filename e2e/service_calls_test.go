//go:build e2e

package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/torture"
)

// The unit leaves the server every system call that it makes: a filter that takes one too many shows on the bad day only.
func TestServiceSystemCalls(t *testing.T) {
	allowed := allowedCalls(t)
	s := slapd(t, fixture.User{UID: "alice", Password: "right"})
	o := options(t)
	file := filepath.Join(o.Dir, "staff.csv")
	check(t, os.WriteFile(file, []byte("username,displayname\nbob,Bob\n"), 0o600))
	d := must[*fixture.Dialtree](t)(fixture.NewDialtree(o))
	calls := filepath.Join(o.Dir, "calls")
	d.Passed([]string{tool(t, "strace", "strace"), "-DD", "-f", "-c", "-U", "name", "-o", calls}, nil)
	check(t, d.Start(t.Context()))
	t.Cleanup(d.Stop)

	check(t, d.Apply(t.Context(), upstream(t, startTLS, s.Address, "", template)+user("alice")+
		fmt.Sprintf("---\nkind: connector\nname: staff\ntemplate: csv-users\nsource: {csv: {path: %q}}\nauthentication: {method: internal}\n", file), "staff"))
	command(t, d, 0, "correct horse battery\n", "user", "passwd", "bob", "--password-stdin")
	for _, transport := range transports {
		for name, password := range map[string]string{"alice": "right", "bob": "correct horse battery"} {
			if r := bind(t, d, transport, name, password); r.Code != 0 {
				t.Fatalf("%s over %s: result %d %q", name, transport, r.Code, r.Diagnostic)
			}
		}
	}
	command(t, d, 0, "", "backup", filepath.Join(o.Dir, "backup"))
	command(t, d, 0, "", "pprof", "cpu", "--seconds", "1", "-f", filepath.Join(o.Dir, "cpu"))
	command(t, d, 0, "", "top", "--once")
	command(t, d, 0, "", "restart")
	command(t, d, 0, "", "check")
	if r := bind(t, d, plain, "alice", "right"); r.Code != 0 {
		t.Errorf("after a restart: result %d %q", r.Code, r.Diagnostic)
	}
	d.Stop()
	var made []string
	eventually(t, "the tracer has written its list", func() bool {
		list, _ := os.ReadFile(calls)
		made = strings.Fields(string(list))
		return slices.Contains(made, "total")
	})
	name := regexp.MustCompile(`^[a-z_][a-z0-9_]*$`) // other words are of the heading and of calls that did not end
	made = slices.DeleteFunc(made, func(word string) bool { return word == "syscall" || word == "total" || !name.MatchString(word) })
	if len(made) < 40 || !slices.Contains(made, "fdatasync") || !slices.Contains(made, "accept4") {
		t.Fatalf("only %d system calls were seen: %v", len(made), made)
	}
	for _, call := range made {
		if !allowed[call] {
			t.Errorf("the unit does not allow %s", call)
		}
	}
	torture.Note(t, servicePart, "system calls that the server made, of them that the unit's filter forbids", torture.Dialtree, "%d, %s",
		len(made), map[bool]string{true: "some", false: "none"}[t.Failed()])
}

// allowedCalls are what the filters of the unit leave, in their order (systemd.exec(5)).
func allowedCalls(t *testing.T) map[string]bool {
	t.Helper()
	list := string(must[[]byte](t)(exec.CommandContext(t.Context(), tool(t, "systemd-analyze", "systemd"), "--no-pager", "syscall-filter").Output()))
	groups, group := map[string][]string{}, ""
	for line := range strings.Lines(list) {
		switch word := strings.TrimSpace(line); {
		case strings.HasPrefix(line, "@"):
			group = word
		case word != "" && !strings.HasPrefix(word, "#"):
			groups[group] = append(groups[group], word)
		}
	}
	allowed := map[string]bool{}
	var set func(word string, to bool)
	set = func(word string, to bool) {
		if !strings.HasPrefix(word, "@") {
			allowed[word] = to
			return
		}
		if len(groups[word]) == 0 {
			t.Fatalf("systemd knows no group %s", word)
		}
		for _, member := range groups[word] {
			set(member, to)
		}
	}
	filters := 0
	for line := range strings.Lines(string(must[[]byte](t)(os.ReadFile("../packaging/systemd/dialtree.service")))) {
		words, ok := strings.CutPrefix(strings.TrimSpace(line), "SystemCallFilter=")
		if !ok {
			continue
		}
		filters++
		words, forbids := strings.CutPrefix(words, "~")
		for _, word := range strings.Fields(words) {
			set(word, !forbids)
		}
	}
	if filters == 0 {
		t.Fatal("the unit has no filter")
	}
	return allowed
}
