package logtail_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dialtree/dialtree/admin/logtail"
)

func TestRecords(t *testing.T) {
	tail := logtail.New()
	var written strings.Builder
	log := slog.New(tail.Handler(slog.NewTextHandler(&written, nil)))
	log.Debug("left out")
	log.Info("login refused", "user", "alice", "took", 3*time.Millisecond)
	log.With("connector", "staff").WithGroup("run").Warn("run failed", "error", fmt.Errorf("no such file"), slog.Group("rows", "read", 5))
	for _, tt := range []struct {
		name  string
		query logtail.Query
		want  []string
	}{
		{"all", logtail.Query{}, []string{"1 INFO login refused user=alice took=3ms", "2 WARN run failed connector=staff run.error=no such file run.rows.read=5"}},
		{"by level", logtail.Query{Level: slog.LevelWarn}, []string{"2 WARN run failed connector=staff run.error=no such file run.rows.read=5"}},
		{"by words in any case", logtail.Query{Text: "ALICE refused"}, []string{"1 INFO login refused user=alice took=3ms"}},
		{"by words that no line holds together", logtail.Query{Text: "alice staff"}, nil},
		{"after one", logtail.Query{After: 2}, nil},
		{"the last one", logtail.Query{Limit: 1}, []string{"2 WARN run failed connector=staff run.error=no such file run.rows.read=5"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, r := range tail.Records(tt.query) {
				line := fmt.Sprint(r.N, " ", r.Level, " ", r.Message)
				for _, a := range r.Attrs {
					line += " " + a.Key + "=" + a.Value
				}
				got = append(got, line)
			}
			if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
	if !strings.Contains(written.String(), "run.rows.read=5") || strings.Contains(written.String(), "left out") {
		t.Errorf("the handler behind wrote %s", written.String())
	}
}

func TestBounds(t *testing.T) {
	tail := logtail.New()
	log := slog.New(tail.Handler(slog.NewTextHandler(io.Discard, nil)))
	for i := range 2500 {
		log.Info("line", "n", i)
	}
	if got := tail.Records(logtail.Query{}); len(got) != 2000 || got[0].N != 501 || got[1999].N != 2500 {
		t.Fatalf("%d records are kept", len(got))
	}
	for range 2500 {
		log.Info("long", "a", strings.Repeat("ä", 2<<10), "b", strings.Repeat("b", 4<<10))
	}
	total, got := 0, tail.Records(logtail.Query{})
	for _, r := range got {
		for _, a := range r.Attrs {
			total += len(a.Value)
		}
	}
	if total > 4<<20 || len(got) < 900 || !strings.HasSuffix(got[0].Attrs[0].Value, "ä…") {
		t.Errorf("%d records of %d bytes are kept", len(got), total)
	}
}

// A changing value is logged by reference and changed afterwards.
type changing struct{ text string }

func (c *changing) String() string { return c.text }

// A hidden value must not reach a record.
type hidden string

func (hidden) LogValue() slog.Value { return slog.StringValue("[secret]") }

// TestWhatIsKeptStays: a record shows what was true when it was logged, although it becomes a text later.
func TestWhatIsKeptStays(t *testing.T) {
	tail := logtail.New()
	log := slog.New(tail.Handler(slog.NewTextHandler(io.Discard, nil)))
	value, list := &changing{"before"}, []string{"before"}
	log.Info("line", "value", value, "list", list, "password", hidden("hunter2"), "n", 7, "at", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), "yes", true)
	value.text, list[0] = "after", "after"
	want := "[{value before} {list [before]} {password [secret]} {n 7} {at 2026-01-02T03:04:05Z} {yes true}]"
	if got := fmt.Sprint(tail.Records(logtail.Query{})[0].Attrs); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestCost: keeping a record of numbers and texts allocates room for its attributes, and nothing else.
func TestCost(t *testing.T) {
	log := slog.New(logtail.New().Handler(slog.DiscardHandler))
	kept := slog.New(logtail.New().Handler(silent{}))
	for name, log := range map[string]*slog.Logger{"kept": kept, "left out": log} {
		allocations := testing.AllocsPerRun(100, func() {
			log.LogAttrs(t.Context(), slog.LevelInfo, "bind", slog.String("user", "alice"), slog.Duration("took", time.Millisecond), slog.Int("code", 49))
		})
		if most := map[string]float64{"kept": 1, "left out": 0}[name]; allocations > most {
			t.Errorf("%s: %v allocations", name, allocations)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	tail := logtail.New()
	log := slog.New(tail.Handler(slog.NewTextHandler(io.Discard, nil)))
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 1000 {
				log.Info("line")
			}
		})
		all.Go(func() {
			for range 50 {
				tail.Records(logtail.Query{Text: "line", Limit: 10})
			}
		})
	}
	all.Wait()
	if got := tail.Records(logtail.Query{Limit: 1}); got[0].N != 4000 {
		t.Errorf("the last record is number %d", got[0].N)
	}
}

// silent takes everything and writes nothing, so that what the tail costs is all that is measured.
type silent struct{}

func (silent) Enabled(context.Context, slog.Level) bool  { return true }
func (silent) Handle(context.Context, slog.Record) error { return nil }
func (silent) WithAttrs([]slog.Attr) slog.Handler        { return silent{} }
func (silent) WithGroup(string) slog.Handler             { return silent{} }

// BenchmarkBindLine is what a line of a bind costs with and without the tail.
func BenchmarkBindLine(b *testing.B) {
	for name, handler := range map[string]slog.Handler{
		"without": slog.NewJSONHandler(io.Discard, nil),
		"with":    logtail.New().Handler(slog.NewJSONHandler(io.Discard, nil)),
		"nothing": silent{},
		"alone":   logtail.New().Handler(silent{}),
	} {
		b.Run(name, func(b *testing.B) {
			log := slog.New(handler)
			b.ReportAllocs()
			for b.Loop() {
				log.Info("bind", "client", "192.0.2.7:51234", "user", "alice", "upstream", "corp", "outcome", "accepted", "took", 3*time.Millisecond)
			}
		})
	}
}
