package directory

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzText holds that the fast ways to prepare a text come to the same as the slow
// ones, and that a prepared text, prepared again, stays as it is.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "Anna", "Jürgen Müller", "Große  Straße ", "İbrahim Yılmaz", "Mun\u0303oz", "ŉ ǆ ﬁ", "\u00a8\u00b4 x", "Ωμέγα", "李 小龍", "\t a\nb ", "ß\u0301", "\u212b \u1e9e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		folded := foldText(s)
		if slow := foldSlowly(s); folded != slow {
			t.Fatalf("%q folds to %q, slowly to %q", s, folded, slow)
		}
		if got, want := base(folded), baseSlowly(folded); got != want {
			t.Errorf("%q: base %q, slowly %q", folded, got, want)
		}
		if got, want := digraph(folded), digraphSlowly(folded); got != want {
			t.Errorf("%q: digraphs %q, slowly %q", folded, got, want)
		}
		if got, want := hasMarks(folded), base(folded) != folded; got != want && allLatin(folded) {
			t.Errorf("%q has marks: %t", folded, got)
		}
		prepared, _, ok := appendText(nil, s, whole)
		if !ok {
			t.Fatalf("%q is no text", s)
		}
		again, _, _ := appendText(nil, string(prepared), whole)
		if string(again) != string(prepared) {
			t.Errorf("%q is prepared as %q, then %q", s, prepared, again)
		}
		if strings.Contains(string(prepared), "   ") || prepared[0] != ' ' || prepared[len(prepared)-1] != ' ' {
			t.Errorf("%q is prepared as %q", s, prepared)
		}
	})
}

// FuzzNumber holds that the canonical form of a number is its own canonical form,
// and that a number is found by itself and by its beginning and end.
func FuzzNumber(f *testing.F) {
	for _, s := range []string{"+49 30 1234567", "030/1", "*97", "(0)", "+", "00", "0049 0711", "tel:+1", "٠١٢", "+49(0)(0)30", "0800FLOWERS", "+490", "00490", "+4900"} {
		f.Add(s)
	}
	n := &Numbering{Country: "49", Trunk: "0", International: "00"}
	f.Fuzz(func(t *testing.T, s string) {
		canonical := n.canonical(nil, s)
		if again := n.canonical(nil, string(canonical)); string(again) != string(canonical) {
			t.Errorf("%q: %q, then %q", s, canonical, again)
		}
		a, _, ok := n.assertion(nil, []byte(s))
		if ok != (len(canonical) > 0) || ok && !a.matches(canonical) {
			t.Errorf("%q is not found by itself: %q", s, canonical)
		}
		if !ok {
			return
		}
		for i := range canonical {
			begin, end := numberSubstrings{initial: canonical[:i+1]}, numberSubstrings{final: canonical[i:]}
			if !begin.matches(n, canonical) || !end.matches(n, canonical) {
				t.Errorf("%q is not found by %q* or *%q", canonical, begin.initial, end.final)
			}
		}
	})
}
