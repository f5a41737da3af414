package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/terminal"
)

func newTopCommand(e *env) *cobra.Command {
	var output string
	var interval time.Duration
	var once bool
	c := &cobra.Command{
		Use:   "top",
		Short: "Show live what the server does: logins, searches, upstreams, who is refused",
		Long: `Top shows, each second, how many logins and searches there are and how they end, which
upstream is slow or down, who is throttled, what was refused in the last minute, which
syncs run, and what the process holds. Keys: q ends it, p holds it still.

With --once it prints one frame, of what happened in one interval; with -o json an object
for each interval, a line each. Where the output is no terminal, frames follow each other.`,
		Example: `  dialtree top
  dialtree top --once
  dialtree top -o json --interval 10s >> figures.jsonl`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if interval < 100*time.Millisecond || interval > time.Hour {
				return usagef(c, "--interval %v: it must be from 100ms to 1h", interval)
			}
			client, err := e.client()
			if err != nil {
				return err
			}
			t := &top{e: e, client: client, interval: interval, once: once, json: output == "json"}
			return t.run(c.Context())
		},
	}
	c.Flags().DurationVar(&interval, "interval", time.Second, "time between frames")
	c.Flags().BoolVar(&once, "once", false, "one frame, for scripts")
	outputFlag(c, &output, "text", "json")
	return c
}

// A top shows frames until it is told to end.
type top struct {
	e        *env
	client   *admin.Client
	interval time.Duration
	once     bool
	json     bool
}

func (t *top) run(ctx context.Context) error {
	first, err := t.client.Live(ctx, 0) // what is counted from
	if err != nil {
		return err
	}
	to := t.e.terminal()
	live := to.Live && !t.json && !t.once
	keys, restore := t.keys(live)
	defer restore()
	if live {
		fmt.Fprint(t.e.stdout, "\x1b[?1049h\x1b[?25l") // the other screen, without a cursor
		defer fmt.Fprint(t.e.stdout, "\x1b[?25h\x1b[?1049l")
	}
	tick := time.NewTicker(t.interval)
	defer tick.Stop()
	since, held := first.N, false
	for {
		select {
		case <-ctx.Done():
			return nil
		case key := <-keys:
			switch key {
			case 'q', 'Q', 3: // Ctrl-C, which is a byte here
				return nil
			case 'p', 'P', ' ':
				held = !held
			}
			continue
		case <-tick.C:
		}
		if held {
			continue
		}
		l, err := t.client.Live(ctx, since)
		if err != nil {
			return ended(ctx, true, err)
		}
		since = l.N
		if err := t.show(l, live); err != nil || t.once {
			return err
		}
	}
}

// keys reads keys where somebody sits at a terminal.
func (t *top) keys(live bool) (<-chan byte, func()) {
	in, ok := t.e.stdin.(*os.File)
	if !live || !ok || !term.IsTerminal(int(in.Fd())) {
		return nil, func() {}
	}
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, func() {}
	}
	keys := make(chan byte, 8)
	go func() { // ends with the process: a read of a terminal cannot be ended
		b := make([]byte, 1)
		for {
			if n, err := in.Read(b); err != nil {
				return
			} else if n == 1 {
				keys <- b[0]
			}
		}
	}()
	return keys, func() { _ = term.Restore(int(in.Fd()), before) }
}

func (t *top) show(l *admin.Live, live bool) error {
	if t.json {
		return writeLine(t.e.stdout, l)
	}
	to := terminal.Of(t.e.stdout, t.e.getenv) // it may have another size now
	frame := topFrame(l, to)
	if !live {
		if !t.once {
			frame = append(frame, "") // between frames
		}
		_, err := fmt.Fprintln(t.e.stdout, strings.Join(frame, "\n"))
		return err
	}
	if f, ok := t.e.stdout.(*os.File); ok {
		if _, height, err := term.GetSize(int(f.Fd())); err == nil && height > 0 {
			frame = frame[:min(len(frame), height)]
		}
	}
	_, err := fmt.Fprint(t.e.stdout, "\x1b[H"+strings.Join(frame, "\x1b[K\r\n")+"\x1b[J")
	return err
}

// outcomesInOrder is how the ends of logins are told; others come behind.
var outcomesInOrder = []string{"accepted", "refused", "remembered", "unknown_user", "disabled", "throttled", "busy", "unavailable"}

// topFrame draws a frame: the lines, each of the terminal's width at most.
func topFrame(l *admin.Live, to terminal.Terminal) []string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "dialtree  up %s  connections %d  memory %s (heap %s)  goroutines %d  descriptors %d  %s\n\n",
		time.Duration(l.Uptime*float64(time.Second)).Round(time.Second), l.Connections, megabytes(l.Memory.Resident), megabytes(l.Memory.Heap),
		l.Memory.Goroutines, l.Memory.Descriptors, l.At.Local().Format(time.TimeOnly))
	fmt.Fprintf(&b, "logins    %s\n", rateText(&l.Binds))
	if text := outcomesText(l); text != "" {
		fmt.Fprintf(&b, "          %s\n", text)
	}
	fmt.Fprintf(&b, "searches  %s\n", rateText(&l.Searches))
	section := func(title string, header []string, state int, rows [][]string) {
		if len(rows) == 0 {
			return
		}
		fmt.Fprintf(&b, "\n%s\n", title)
		_ = to.WriteTable(&b, terminal.Table{Header: header, Rows: rows, State: state}) // to memory
	}
	section("Upstreams, the slowest first", []string{"UPSTREAM", "STATE", "BINDS/S", "P50", "P99", "POOL", "DOWN"}, 1, upstreamRows(l))
	section(fmt.Sprintf("Throttled (accounts %d, addresses %d)", l.Throttled.UserCount, l.Throttled.AddressCount), []string{"WHO", "FAILURES", "UNTIL"}, -1, throttledRows(l))
	section("Refused in the last minute", []string{"NAME", "TIMES", "ADDRESS", "TIMES"}, -1, refusedRows(l))
	section("Running", []string{"CONNECTOR", "PHASE", "DONE", "SINCE", "BY"}, -1, runRows(l))
	lines := strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
	for i, line := range lines {
		if to.Width > 0 && !strings.Contains(line, "\x1b") {
			lines[i] = terminal.Cut(line, to.Width)
		}
	}
	return lines
}

func rateText(r *admin.Rate) string {
	if r.Count == 0 {
		return "0/s"
	}
	return fmt.Sprintf("%.1f/s  p50 %s  p99 %s", r.PerSecond, milliseconds(r.P50), milliseconds(r.P99))
}

func outcomesText(l *admin.Live) string {
	var out []string
	tell := func(name string) {
		if n := l.Outcomes[name]; n > 0 {
			out = append(out, fmt.Sprintf("%s %.1f/s", name, n/l.Seconds))
		}
	}
	for _, name := range outcomesInOrder {
		tell(name)
	}
	var others []string
	for name := range l.Outcomes {
		if !slices.Contains(outcomesInOrder, name) {
			others = append(others, name)
		}
	}
	slices.Sort(others)
	for _, name := range others {
		tell(name)
	}
	return strings.Join(out, "  ")
}

// shownOf is how many of a kind a frame has.
const shownOf = 8

func upstreamRows(l *admin.Live) [][]string {
	var rows [][]string
	for i := range l.Upstreams[:min(len(l.Upstreams), shownOf)] {
		u := &l.Upstreams[i]
		var down []string
		for _, s := range u.Servers {
			if !s.Up {
				down = append(down, s.Server)
			}
		}
		state := "up"
		if len(down) > 0 && len(down) == len(u.Servers) {
			state = "down"
		} else if len(down) > 0 {
			state = "partly"
		}
		p50, p99 := "", ""
		if u.Binds.Count > 0 {
			p50, p99 = milliseconds(u.Binds.P50), milliseconds(u.Binds.P99)
		}
		rows = append(rows, []string{u.Name, state, fmt.Sprintf("%.1f", u.Binds.PerSecond), p50, p99, fmt.Sprintf("%d busy, %d idle", u.Busy, u.Idle), strings.Join(down, " ")})
	}
	return rows
}

func throttledRows(l *admin.Live) [][]string {
	var rows [][]string
	for _, names := range [][]admin.ThrottledName{l.Throttled.Users, l.Throttled.Addresses} {
		for _, n := range names[:min(len(names), shownOf/2)] {
			until := ""
			if n.Until != nil {
				until = n.Until.Local().Format(time.TimeOnly)
			}
			rows = append(rows, []string{n.Name, fmt.Sprint(n.Failures), until})
		}
	}
	return rows
}

func refusedRows(l *admin.Live) [][]string {
	var rows [][]string
	for i := range min(shownOf, max(len(l.RefusedNames), len(l.RefusedAddresses))) {
		row := []string{"", "", "", ""}
		if i < len(l.RefusedNames) {
			row[0], row[1] = l.RefusedNames[i].Name, fmt.Sprint(l.RefusedNames[i].Count)
		}
		if i < len(l.RefusedAddresses) {
			row[2], row[3] = l.RefusedAddresses[i].Name, fmt.Sprint(l.RefusedAddresses[i].Count)
		}
		rows = append(rows, row)
	}
	return rows
}

func runRows(l *admin.Live) [][]string {
	var rows [][]string
	for _, r := range l.Runs[:min(len(l.Runs), shownOf)] {
		done := fmt.Sprint(r.Done)
		if r.Total > 0 {
			done += fmt.Sprintf("/%d", r.Total)
		}
		rows = append(rows, []string{r.Connector, r.Phase, done, r.Started.Local().Format(time.TimeOnly), r.By})
	}
	return rows
}

func megabytes(n int64) string { return fmt.Sprintf("%d MB", n>>20) }
