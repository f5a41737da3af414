package authproxy

import (
	"fmt"
	"testing"
	"time"
)

func TestBeat(t *testing.T) {
	var p pace
	if b := p.beat(noon); b != 0 {
		t.Errorf("of nothing: %v", b)
	}
	for i := range 100 {
		p.observe(time.Duration(200+i%10)*time.Millisecond, noon)
	}
	if b := p.beat(noon.Add(time.Second / 2)); b != 0 {
		t.Errorf("it moves at once: %v", b)
	}
	b := p.beat(noon.Add(time.Second))
	if b < 250*time.Millisecond || b > 315*time.Millisecond {
		t.Errorf("of 200 ms: %v", b)
	}
	p.observe(time.Minute, noon.Add(2*time.Second))
	if again := p.beat(noon.Add(4 * time.Second)); again != b {
		t.Errorf("one slow answer moves it from %v to %v", b, again)
	}
	for _, tt := range []struct{ took, want time.Duration }{
		{0, b}, {b, b}, {b + 1, 2 * b}, {3 * b / 2, 2 * b},
	} {
		if got := onBeat(tt.took, b); got != tt.want {
			t.Errorf("after %v: %v, want %v", tt.took, got, tt.want)
		}
	}
	for _, d := range []time.Duration{0, time.Microsecond, 16 * time.Millisecond, time.Second, maxPace} {
		if got := beatOf(d); got < leastBeat || got > maxPace || d < maxPace && got < d {
			t.Errorf("of %v: %v", d, got)
		}
	}
}

// Names are shared out like users, and each stays where it is.
func TestNamesAreSharedOut(t *testing.T) {
	shares := []share{{"", 100}, {"fast", 700}, {"slow", 200}}
	found := make(map[string]int)
	for i := range 10_000 {
		name := fmt.Sprint("name", i)
		upstream := pick(shares, "a store", name)
		if again := pick(shares, "a store", name); again != upstream {
			t.Fatalf("%s: %q, then %q", name, upstream, again)
		}
		found[upstream]++
	}
	for _, s := range shares {
		if n := found[s.upstream]; n < int(s.users)*9 || n > int(s.users)*11 {
			t.Errorf("%q: %d of 10000 names, and %d of 1000 users", s.upstream, n, s.users)
		}
	}
}
