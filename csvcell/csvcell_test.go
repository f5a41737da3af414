package csvcell_test

import (
	"strings"
	"testing"

	"github.com/dialtree/dialtree/csvcell"
)

func TestEscape(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"text", "Müller", "Müller"},
		{"nothing", "", ""},
		{"a formula", "=1+1", "'=1+1"},
		{"a number", "+49 (30) 12-34", "+49 (30) 12-34"},
		{"two numbers", "+4930;+4931", "+4930;+4931"},
		{"a sum", "+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"},
		{"a minus", "-1", "'-1"},
		{"an at", "@SUM(1)", "'@SUM(1)"},
		{"a tab", "\t=1", "'\t=1"},
		{"a full-width form", "＝1", "'＝1"},
		{"an apostrophe of its own", "'=1", "''=1"},
		{"an apostrophe before text", "'s Gravenhage", "'s Gravenhage"},
		{"an apostrophe before a number", "'+49", "'+49"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := csvcell.Escape(tc.text); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

// FuzzEscape: what was escaped is read back, and no cell begins as a formula does.
func FuzzEscape(f *testing.F) {
	for _, text := range []string{"", "=1", "'=1", "''+49", "+49 30", "-", "\xff", "＝"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cell := csvcell.Escape(text)
		if got := csvcell.Unescape(cell); got != text {
			t.Errorf("%q became %q and was read as %q", text, cell, got)
		}
		if cell != "" && strings.ContainsRune("=-@\t\r\n", rune(cell[0])) {
			t.Errorf("%q is a formula", cell)
		}
	})
}
