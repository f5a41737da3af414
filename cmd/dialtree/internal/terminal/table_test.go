package terminal

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestWriteTable(t *testing.T) {
	table := Table{
		Header: []string{"NAME", "STATE", "NOTE"},
		Rows: [][]string{
			{"staff", "done", "all is well with this one"},
			{"名前の長い部門", "failed", "e\u0301a\x1b[2J"},
			{"x", "", ""},
		},
		State: 1,
	}
	for _, tc := range []struct {
		name string
		to   Terminal
		want []string
	}{
		{"a pipe gets everything", Terminal{}, []string{
			"NAME            STATE   NOTE",
			"staff           done    all is well with this one",
			"名前の長い部門  failed  e\u0301a\uFFFD[2J",
			"x"}},
		{"the widest columns give way", Terminal{Width: 32}, []string{
			"NAME         STATE   NOTE",
			"staff        done    all is wel…",
			"名前の長い…  failed  e\u0301a\uFFFD[2J",
			"x"}},
		{"states are coloured", Terminal{Width: 60, Colour: true}, []string{
			"NAME            STATE   NOTE",
			"staff           \x1b[32mdone\x1b[0m    all is well with this one",
			"名前の長い部門  \x1b[31mfailed\x1b[0m  e\u0301a\uFFFD[2J",
			"x"}},
		{"narrower than the columns", Terminal{Width: 6, Colour: true}, []string{"…  … …", "…  … …", "…  … …", "x"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out strings.Builder
			if err := tc.to.WriteTable(&out, table); err != nil {
				t.Fatal(err)
			}
			got := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			if !slices.Equal(got, tc.want) {
				t.Errorf("got\n%q\nwant\n%q", got, tc.want)
			}
		})
	}
}

func TestCut(t *testing.T) {
	for _, tc := range []struct {
		text  string
		width int
		want  string
	}{
		{"alice", 5, "alice"},
		{"alice", 4, "ali…"},
		{"alice", 1, "…"},
		{"alice", 0, ""},
		{"日本語", 5, "日本…"},
		{"日本語", 4, "日…"},
		{"e\u0301e\u0301e\u0301", 2, "e\u0301…"},
		{"👩‍👩‍👧 family", 4, "👩‍👩‍👧 …"},
	} {
		if got := Cut(tc.text, tc.width); got != tc.want {
			t.Errorf("Cut(%q, %d) = %q, want %q", tc.text, tc.width, got, tc.want)
		}
	}
}

func TestPrintable(t *testing.T) {
	if got := Printable("a\x1b[31mb\nc\u202e\xff\u2028"); got != "a\uFFFD[31mb c\uFFFD\uFFFD\uFFFD" {
		t.Errorf("Printable: %q", got)
	}
}

// FuzzWriteTable: no line is wider than the terminal, all of it is UTF-8, and a pipe gets every cell.
func FuzzWriteTable(f *testing.F) {
	f.Add("alice", "日本語", "e\u0301", 12)
	f.Add("👩‍👩‍👧", "\x1b[2J\xff", "a\nb", 5)
	f.Add("", "\u200d\u0301", "🇩🇪🇩", 1)
	f.Fuzz(func(t *testing.T, a, b, c string, width int) {
		width = min(max(width, 0), 300)
		table := Table{Header: []string{"A", "B", "C"}, Rows: [][]string{{a, b, c}, {c, a, b}}, State: -1}
		var out strings.Builder
		if err := (Terminal{Width: width}).WriteTable(&out, table); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if len(lines) != 3 {
			t.Fatalf("%d lines: %q", len(lines), lines)
		}
		for _, line := range lines {
			if !utf8.ValidString(line) {
				t.Errorf("%q is no UTF-8", line)
			}
			if width > 0 && Width(line) > width {
				t.Errorf("%q takes %d of %d columns", line, Width(line), width)
			}
			if line != Printable(line) {
				t.Errorf("%q holds what a terminal obeys", line)
			}
		}
		if width == 0 && !strings.Contains(lines[1], strings.TrimRight(Printable(a), " ")) {
			t.Errorf("%q lacks %q", lines[1], a)
		}
	})
}
