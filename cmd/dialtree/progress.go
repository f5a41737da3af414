package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/dialtree/dialtree/admin"
)

// A progress shows how far long work is: a bar on a terminal, a line for each phase
// elsewhere.
type progress struct {
	w     io.Writer
	width int // of the terminal; 0: none
	phase string
	shown bool
}

func newProgress(w io.Writer) *progress { return &progress{w: w, width: terminalWidth(w)} }

func (p *progress) show(at admin.Progress) {
	if p.width == 0 {
		if at.Phase != p.phase {
			fmt.Fprintf(p.w, "%s …\n", at.Phase)
		}
		p.phase = at.Phase
		return
	}
	p.shown = true
	fmt.Fprintf(p.w, "\r\x1b[K%s", bar(at, p.width))
}

// clear removes the bar, so that what follows stands in its place.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}

// bar draws "apply [#####     ] 1234/2468".
func bar(at admin.Progress, width int) string {
	if at.Total <= 0 {
		return fmt.Sprintf("%s %d", at.Phase, at.Done)
	}
	counts := fmt.Sprintf(" %d/%d", at.Done, at.Total)
	room := min(40, width-len(at.Phase)-len(counts)-4)
	if room < 4 {
		return at.Phase + counts
	}
	full := room * min(at.Done, at.Total) / at.Total
	return at.Phase + " [" + strings.Repeat("#", full) + strings.Repeat(" ", room-full) + "]" + counts
}
