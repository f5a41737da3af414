package authproxy

import "testing"

// What was read of a content that another one took the place of is not taken for that of the other one, whose changes may get the same numbers.
func TestRecentOfAContentWithSmallerNumbers(t *testing.T) {
	seq, stored := uint64(100), "old"
	r := &recent[string]{seq: func() uint64 { return seq }, read: func(string) (string, bool, error) { return stored, true, nil }}
	for _, now := range []struct {
		seq    uint64
		stored string
	}{{100, "old"}, {85, "new"}, {100, "newer"}} {
		seq, stored = now.seq, now.stored
		if got, found, err := r.get("alice"); got != stored || !found || err != nil {
			t.Errorf("at change %d there is %q, not %q: %v", seq, got, stored, err)
		}
	}
}
