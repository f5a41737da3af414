package main

import (
	"strings"
	"testing"
	"time"
)

const wellCluster = `{"cluster":"c-1","node":"pbx1","reachable":true,"index":41,"head":42,"schema":5,"elected":"pbx2",
"snapshot":{"index":40,"made":"2026-11-28T12:00:00Z","bytes":3145728,"tail":1048576},
"nodes":[{"name":"pbx1","id":"a","version":"1.2.0","knows":5,"page":"https://pbx1:8389","started":"2026-11-28T10:00:00Z","seen":"2026-11-28T12:00:00Z","index":41,"behind":1},
{"name":"pbx2","id":"b","version":"1.2.1","knows":5,"started":"2026-11-28T10:00:00Z","seen":"2026-11-28T12:00:00Z","index":42,"elected":true}],
"members":[{"name":"etcd1","endpoint":"https://10.0.0.1:2379","healthy":true,"leader":true,"version":"3.7.0","bytes":2097152,"in_use":1048576}]}`

func TestClusterStatus(t *testing.T) {
	ill := strings.NewReplacer(`"reachable":true`, `"reachable":false,"trouble":"etcd does not answer","since":"2026-11-28T12:01:00Z"`,
		`"healthy":true,"leader":true,"version":"3.7.0"`, `"healthy":false,"error":"connection refused"`,
		`"elected":"pbx2"`, `"elected":""`,
		`"members"`, `"missing":[{"name":"pbx3","seen":"2026-11-28T11:00:00Z"}],"members"`,
		`"index":42,"elected":true`, `"index":42,"trouble":"its disk is full"`).Replace(wellCluster)
	full := strings.Replace(wellCluster, `"healthy":true`, `"healthy":false,"full":true,"error":"etcd has no space left"`, 1)
	for _, tt := range []struct {
		name, answer string
		args         []string
		code         int
		says         []string
		not          string
	}{
		{"well", wellCluster, nil, exitDone, []string{
			"cluster:", "c-1", "last change: 42", "pbx2 runs them", "of change 40", "3.0 MiB; 1.0 MiB of changes behind it",
			"NODE  VERSION  CHANGE  BEHIND  ELECTED", "pbx1  1.2.0    41      1", "pbx2  1.2.1    42      0       yes", "etcd1", "up", "leader"}, "not changing"},
		{"ill", ill, nil, exitFailed, []string{
			"serving, not changing: etcd does not answer, since ", "node pbx2: its disk is full\n", "node pbx3 is gone since ", "etcd's server etcd1 is not well: connection refused\n", "no node runs them"}, ""},
		{"etcd is full", full, nil, exitFailed, []string{"serving, not changing: etcd is full: make room and disarm its alarm", "full   leader"}, "not well"},
		{"as JSON", wellCluster, []string{"-o", "json"}, exitDone, []string{`"elected": "pbx2"`}, ""},
		{"ill as JSON", ill, []string{"-o", "json"}, exitFailed, []string{`"trouble": "etcd does not answer"`}, ""},
		{"digest", `{"node":"pbx1","digest":"abcd","digest_index":42}`, []string{"--digest"}, exitDone, []string{"abcd  change 42  pbx1\n"}, "NODE"},
		{"digest that is watched", wellCluster, []string{"--digest", "--watch"}, exitUsage, []string{"ask for it alone"}, ""},
		{"alone", "!404 this node is alone", nil, exitFailed, []string{"dialtree: this node is alone"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFakeServer(t, map[string]string{"GET /cluster": tt.answer})
			out, errs, code := f.dialtree(t.Context(), "", append([]string{"cluster", "status"}, tt.args...)...)
			if code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			for _, says := range tt.says {
				if !strings.Contains(out+errs, says) {
					t.Errorf("does not say %q", says)
				}
			}
			if tt.not != "" && strings.Contains(out+errs, tt.not) {
				t.Errorf("says %q", tt.not)
			}
			if t.Failed() {
				t.Logf("\n%s%s", out, errs)
			}
			if asked := f.asked(); tt.code != exitUsage && tt.name == "digest" && asked != "GET /cluster?digest=true" || tt.name == "well" && asked != "GET /cluster?members=true" {
				t.Errorf("asked %s", asked)
			}
		})
	}
}

// Troubles come first, whatever else is told.
func TestClusterTroublesFirst(t *testing.T) {
	f := newFakeServer(t, map[string]string{"GET /cluster": `{"cluster":"c","node":"a","trouble":"etcd does not answer","nodes":[],"members":[]}`})
	out, _, _ := f.dialtree(t.Context(), "", "cluster", "status")
	if !strings.HasPrefix(out, "serving, not changing: etcd does not answer\n") {
		t.Errorf("%s", out)
	}
}

// What is watched is shown again and again, also while nothing can be changed, until somebody ends it.
func TestClusterWatch(t *testing.T) {
	f := newFakeServer(t, map[string]string{"GET /cluster": `{"cluster":"c","node":"a","trouble":"etcd does not answer","nodes":[],"members":[]}`})
	stdout, _, stop := startCommand(t, "--data-dir", f.dir, "cluster", "status", "--watch", "-o", "json")
	for deadline := time.Now().Add(20 * time.Second); strings.Count(stdout.String(), "\n") < 2; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it was not shown twice:\n%s", stdout)
		}
	}
	if code := stop(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}

// A server that cannot change anything for now is ready: it says so, and nobody restarts it.
func TestHealthWhileNothingChanges(t *testing.T) {
	f := newFakeServer(t, map[string]string{"GET /status": `{"ready":{"ready":true,"store":"ok","changes":"serving, not changing: etcd does not answer","listeners":"ok"}}`})
	out, errs, code := f.dialtree(t.Context(), "", "health")
	if code != exitDone || out != "ready: serving, not changing: etcd does not answer\n" {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
}
