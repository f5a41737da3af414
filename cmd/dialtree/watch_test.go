package main

import (
	"context"
	"strings"
	"testing"
	"time"
)

// TestWatchInterrupted: Ctrl-C leaves the run running and says so.
func TestWatchInterrupted(t *testing.T) {
	server := newFakeServer(t, map[string]string{"GET /jobs": "[" + jobRunning + "]", "GET /jobs/j2/events": "hang"})
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	time.AfterFunc(100*time.Millisecond, interrupt)
	_, stderr, code := server.dialtree(ctx, "", "connector", "watch", "staff")
	if code != exitFailed || !strings.Contains(stderr, "staff goes on as job j2: `dialtree connector watch j2` follows it") {
		t.Errorf("code %d, %q", code, stderr)
	}
	if asked := server.asked(); strings.Contains(asked, "DELETE") {
		t.Errorf("the job was cancelled: %s", asked)
	}
}

// TestFollowLog: lines are printed once, and Ctrl-C is no failure.
func TestFollowLog(t *testing.T) {
	server := newFakeServer(t, map[string]string{"GET /log": `[{"n":7,"at":"2026-11-24T10:00:00Z","level":"INFO","message":"m"}]`})
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	time.AfterFunc(followEvery+500*time.Millisecond, interrupt)
	_, stderr, code := server.dialtree(ctx, "", "log", "--follow")
	if code != exitDone || stderr != "" {
		t.Errorf("code %d, %q", code, stderr)
	}
	if asked, want := server.asked(), "GET /log?limit=200\nGET /log?after=7&limit=200"; asked != want {
		t.Errorf("asked\n%s\nwant\n%s", asked, want)
	}
}
