package main

import (
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/terminal"
)

func TestBar(t *testing.T) {
	for _, tc := range []struct {
		name  string
		at    admin.Progress
		width int
		took  time.Duration
		want  string
	}{
		{"no total", admin.Progress{Phase: "fetch", Done: 12}, 80, 0, "fetch 12"},
		{"no total, with a rate", admin.Progress{Phase: "fetch", Done: 1200}, 80, 2 * time.Second, "fetch 1200, 600/s"},
		{"begun", admin.Progress{Phase: "apply", Total: 4}, 24, 0, "apply [           ] 0/4"},
		{"half", admin.Progress{Phase: "apply", Done: 2, Total: 4}, 25, 0, "apply [######      ] 2/4"},
		{"time left", admin.Progress{Phase: "apply", Done: 20, Total: 40}, 50, 10 * time.Second, "apply [##########          ] 20/40, 2/s, 10s left"},
		{"more than all", admin.Progress{Phase: "apply", Done: 9, Total: 4}, 20, 0, "apply [#######] 9/4"},
		{"no room for a bar", admin.Progress{Phase: "apply", Done: 1, Total: 4}, 10, 0, "apply 1/4"},
		{"no room at all", admin.Progress{Phase: "apply", Done: 1, Total: 4}, 6, 0, "appl…"},
		{"width unknown", admin.Progress{Phase: "plan", Done: 4, Total: 4}, 0, 0, "plan [" + strings.Repeat("#", 40) + "] 4/4"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := bar(tc.at, tc.width, tc.took)
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if tc.width > 0 && terminal.Width(got) >= tc.width {
				t.Errorf("%q would wrap at %d columns", got, tc.width)
			}
		})
	}
}

func TestProgressLines(t *testing.T) {
	var out strings.Builder
	now := time.Unix(0, 0)
	p := &progress{w: &out, now: func() time.Time { return now }}
	for range 30 { // three seconds
		p.show(admin.Progress{Phase: "apply", Done: int(now.UnixMilli()), Total: 6000})
		now = now.Add(100 * time.Millisecond)
	}
	p.clear()
	want := "apply …\napply 1000/6000, 1000/s, 5s left\napply 2000/6000, 1000/s, 4s left\n"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestProgressOnATerminal(t *testing.T) {
	var out strings.Builder
	p := &progress{w: &out, to: terminal.Terminal{Width: 40, Live: true}, now: func() time.Time { return time.Unix(0, 0) }}
	p.show(admin.Progress{Phase: "fetch", Done: 1})
	p.clear()
	p.clear()
	if want := "\r\x1b[Kfetch 1\r\x1b[K"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}
