//go:build linux

// Command bench measures the product side by side with what else could stand between a
// client and a directory, and with a directory that phones could search instead,
// all in one run on one machine: rounds alternate between the contenders, and what
// counts is the ratio to no proxy at all, or to slapd, in the same round. It prints
// Markdown, as docs/benchmarks.md has it.
//
//	go run ./e2e/bench              everything but cluster, followers and million, about ten minutes
//	QUICK=1 go run ./e2e/bench      short rounds, for a look
//	go run ./e2e/bench forward      one part: forward, local, idle, import, search, cluster, followers or million
//
// DIALTREE_BIN and LLOADD name binaries that were built before; without the
// first the product is built, without the second lloadd is left out and the
// table says so (e2e/bench/build-lloadd builds one).
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// A bench holds what every part needs.
type bench struct {
	out    io.Writer
	dir    string
	binary string
	users  []fixture.User

	quick  bool
	round  time.Duration // of one load on one contender
	warmup time.Duration // before each
	rounds int
	serial int // counts loads, for the source address
}

const (
	users     = 10_000
	idleConns = 5_000
	imported  = 200_000 // contacts
	searched  = 50_000  // users of a directory
)

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 3 && args[0] == "pipe" { // the bench as its own contender
		return pipe(args[1], args[2])
	}
	parts := args
	if len(parts) == 0 {
		parts = []string{"forward", "local", "idle", "import", "search"}
	}
	dir, err := os.MkdirTemp("", "dialtree-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{out: out, dir: dir, round: 1200 * time.Millisecond, rounds: 5}
	if os.Getenv("QUICK") != "" {
		b.quick, b.round, b.rounds = true, 300*time.Millisecond, 3
	}
	b.warmup = b.round / 5
	for i := range users {
		b.users = append(b.users, fixture.User{UID: fmt.Sprintf("user%05d", i), Password: fmt.Sprintf("secret-%05d", i)})
	}
	if b.binary, err = fixture.BuildDialtree(ctx, dir); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d CPUs, %s; %d users; medians of %d rounds of %v.\n", runtime.NumCPU(), machine(), users, b.rounds, b.round)
	for _, part := range parts {
		measure, ok := map[string]func(context.Context) error{
			"forward": b.forward, "local": b.local, "idle": b.idle, "import": b.imports,
			"search": b.search, "million": b.million, "cluster": b.cluster, "followers": b.followers,
		}[part]
		if !ok {
			return fmt.Errorf("there is no part %q: use forward, local, idle, import, search, cluster, followers or million", part)
		}
		if err := measure(ctx); err != nil {
			return fmt.Errorf("%s: %w", part, err)
		}
	}
	return nil
}

// machine names the processor and the kernel.
func machine() string {
	model := "unknown processor"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if rest, ok := strings.CutPrefix(line, "model name"); ok {
				model = strings.TrimSpace(strings.TrimLeft(rest, "\t :"))
				break
			}
		}
	}
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return model
	}
	return model + ", Linux " + strings.TrimSpace(string(release))
}

// A contender is one server that is measured.
type contender struct {
	name     string
	process  *fixture.Process
	address  string
	setup    []byte
	requests [][]byte
	searches bool // the requests are searches
}

// A shape is how clients connect.
type shape struct {
	title       string
	connections int
	fresh       bool
	pipelined   int
}

var shapes = []shape{
	{title: "1 connection", connections: 1},
	{title: "8 connections", connections: 8},
	{title: "64 connections", connections: 64},
	{title: "a fresh connection for each bind, 8 at a time", connections: 8, fresh: true},
}

// A row is what one contender reached, each value a median over the rounds.
type row struct {
	name     string
	rate     float64 // answers per second
	ratio    float64 // to the first contender in the same round
	p50, p99 time.Duration
	cpu      time.Duration // of the server process per answer
	entries  float64       // per answer, in all rounds
	wrong    int           // in all rounds
}

// compare runs the rounds of one shape. The first contender is what the others
// are compared with.
func (b *bench) compare(ctx context.Context, contenders []contender, s shape) ([]row, error) {
	measured := make([][]measurement, len(contenders))
	cpu := make([][]time.Duration, len(contenders))
	for round := range b.rounds {
		for i := range contenders {
			// Each round starts with another contender, so that none always runs
			// after the same one.
			i = (i + round) % len(contenders)
			c := contenders[i]
			m, spent, err := b.once(ctx, c, s)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w\n%s", c.name, s.title, err, lastLines(c.process.Output()))
			}
			measured[i], cpu[i] = append(measured[i], m), append(cpu[i], spent)
		}
	}
	rows := make([]row, len(contenders))
	for i, c := range contenders {
		r := row{name: c.name, cpu: median(cpu[i])}
		var rates, ratios []float64
		var p50, p99 []time.Duration
		var answers, entries int
		for round, m := range measured[i] {
			rates, ratios = append(rates, m.rate()), append(ratios, m.rate()/measured[0][round].rate())
			p50, p99 = append(p50, m.p50), append(p99, m.p99)
			answers, entries = answers+m.answers, entries+m.entries
			r.wrong += m.wrong
		}
		r.entries = float64(entries) / float64(answers)
		r.rate, r.ratio, r.p50, r.p99 = median(rates), median(ratios), median(p50), median(p99)
		rows[i] = r
	}
	return rows, nil
}

// once warms a contender up, measures it once, and tells the CPU time of its
// process per answer.
func (b *bench) once(ctx context.Context, c contender, s shape) (measurement, time.Duration, error) {
	if err := ctx.Err(); err != nil {
		return measurement{}, 0, err
	}
	b.serial++
	l := load{address: c.address, connections: s.connections, fresh: s.fresh, pipelined: s.pipelined,
		setup: c.setup, requests: c.requests, searches: c.searches,
		// A source address of its own keeps the closed connections of earlier
		// loads (TIME-WAIT) from narrowing the choice of ports.
		source: fmt.Sprintf("127.1.%d.%d", b.serial/200, 1+b.serial%200)}
	if b.warmup > 0 {
		if _, err := l.run(b.warmup); err != nil {
			return measurement{}, 0, err
		}
	}
	before, err := c.process.CPU()
	if err != nil {
		return measurement{}, 0, err
	}
	m, err := l.run(b.round)
	if err != nil {
		return measurement{}, 0, err
	}
	after, err := c.process.CPU()
	if err != nil {
		return measurement{}, 0, err
	}
	if m.answers == 0 {
		return m, 0, errors.New("nothing was answered")
	}
	return m, (after - before) / time.Duration(m.answers), nil
}

func (b *bench) print(title, unit string, rows []row) {
	fmt.Fprintf(b.out, "\n**%s**\n\n", title)
	fmt.Fprintf(b.out, "| | %s/s | ratio | p50 ms | p99 ms | CPU ms | wrong |\n|---|---:|---:|---:|---:|---:|---:|\n", unit)
	for _, r := range rows {
		fmt.Fprintf(b.out, "| %s | %.0f | %.2f | %.3f | %.3f | %.3f | %d |\n",
			r.name, r.rate, r.ratio, milliseconds(r.p50), milliseconds(r.p99), milliseconds(r.cpu), r.wrong)
	}
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

func median[T time.Duration | float64](values []T) T {
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}

func lastLines(s string) string { return s[max(0, len(s)-2000):] }
