package main

import (
	"slices"
	"testing"

	"github.com/dialtree/dialtree/admin"
)

func TestBar(t *testing.T) {
	for _, tc := range []struct {
		at    admin.Progress
		width int
		want  string
	}{
		{admin.Progress{Phase: "fetch", Done: 12}, 80, "fetch 12"},
		{admin.Progress{Phase: "apply", Done: 0, Total: 4}, 24, "apply [           ] 0/4"},
		{admin.Progress{Phase: "apply", Done: 2, Total: 4}, 25, "apply [######      ] 2/4"},
		{admin.Progress{Phase: "apply", Done: 9, Total: 4}, 20, "apply [#######] 9/4"},
		{admin.Progress{Phase: "apply", Done: 1, Total: 4}, 10, "apply 1/4"},
	} {
		if got := bar(tc.at, tc.width); got != tc.want {
			t.Errorf("bar(%+v, %d) = %q, want %q", tc.at, tc.width, got, tc.want)
		}
	}
}

func TestFit(t *testing.T) {
	for _, tc := range []struct {
		widths []int
		room   int
		want   []int
	}{
		{[]int{5, 10}, 20, []int{5, 10}},
		{[]int{5, 30, 20}, 35, []int{5, 15, 15}},
		{[]int{30, 30}, 4, []int{8, 8}},
	} {
		got := slices.Clone(tc.widths)
		fit(got, tc.room)
		if !slices.Equal(got, tc.want) {
			t.Errorf("fit(%v, %d) = %v, want %v", tc.widths, tc.room, got, tc.want)
		}
	}
	if got := printable("a\x1b[31mb\nc\u202e"); got != "a\uFFFD[31mb c\uFFFD" {
		t.Errorf("printable: %q", got)
	}
}
