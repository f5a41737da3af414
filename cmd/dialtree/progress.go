package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/terminal"
)

// lineEvery is how often progress is told where there is no terminal.
const lineEvery = time.Second

// A progress shows how far long work is: a bar on a terminal; elsewhere a line for each
// phase, and at most one a second.
type progress struct {
	w     io.Writer
	to    terminal.Terminal
	now   func() time.Time
	phase string
	began time.Time // the phase
	told  time.Time // the last line
	shown bool      // a bar is on the terminal
}

func newProgress(e *env) *progress {
	return &progress{w: e.stderr, to: terminal.Of(e.stderr, e.getenv), now: time.Now}
}

func (p *progress) show(at admin.Progress) {
	now := p.now()
	begins := at.Phase != p.phase
	if begins {
		p.phase, p.began = at.Phase, now
	}
	if p.to.Live {
		p.shown = true
		fmt.Fprintf(p.w, "\r\x1b[K%s", bar(at, p.to.Width, now.Sub(p.began)))
		return
	}
	switch {
	case begins:
		fmt.Fprintf(p.w, "%s …\n", at.Phase)
	case now.Sub(p.told) >= lineEvery:
		fmt.Fprintf(p.w, "%s %s\n", at.Phase, counts(at, now.Sub(p.began)))
	default:
		return
	}
	p.told = now
}

// bytes shows how much of a content was moved.
func (p *progress) bytes(phase string, done, total int64) {
	p.show(admin.Progress{Phase: phase + ", in KiB", Done: int(done >> 10), Total: int(total >> 10)})
}

// clear removes the bar, so that what follows stands in its place.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}

// bar draws "apply [#####     ] 1234/2468, 600/s, 2s left"; width 0 is that of most terminals.
func bar(at admin.Progress, width int, took time.Duration) string {
	if width == 0 {
		width = 80
	}
	numbers := counts(at, took)
	room := min(40, width-terminal.Width(at.Phase)-len(numbers)-5)
	if at.Total <= 0 || room < 4 {
		return terminal.Cut(at.Phase+" "+numbers, width-1)
	}
	full := room * min(at.Done, at.Total) / at.Total
	return at.Phase + " [" + strings.Repeat("#", full) + strings.Repeat(" ", room-full) + "] " + numbers
}

// counts writes "1234/2468, 600/s, 2s left". There is no rate before a second is over: it would jump.
func counts(at admin.Progress, took time.Duration) string {
	text := fmt.Sprint(at.Done)
	if at.Total > 0 {
		text += fmt.Sprintf("/%d", at.Total)
	}
	if took < time.Second || at.Done <= 0 {
		return text
	}
	rate := float64(at.Done) / took.Seconds()
	text += fmt.Sprintf(", %.0f/s", rate)
	if at.Total > at.Done {
		left := time.Duration(float64(at.Total-at.Done) / rate * float64(time.Second))
		text += fmt.Sprintf(", %s left", left.Round(time.Second))
	}
	return text
}
