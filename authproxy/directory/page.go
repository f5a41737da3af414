package directory

import (
	"bytes"
	"slices"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// send sends what a cursor is at.
func (s *searcher) send(c *cursor) error {
	s.hit = hit{c.view.home, c.doc.record}
	return s.emitOne()
}

// page sends what is found, from where the search stopped before, up to the limit.
func (s *searcher) page() (Result, error) {
	seen, skip := s.resume()
	result := Result{}
	n := 0
	err := s.walk(func(c *cursor) (bool, error) {
		if skip > 0 {
			skip--
			return true, nil
		}
		if n == s.query.Limit {
			// The last entry sent is still in hit.
			result = Result{Code: ldapwire.SizeLimitExceeded, More: &Cursor{Seen: seen + n}}
			if n > 0 {
				result.More.ID = string(s.hit.record.id())
			}
			return false, nil
		}
		n++
		return true, s.send(c)
	})
	if s.stopped != ldapwire.Success {
		result = Result{Code: s.stopped}
	}
	return result, err
}

// walk visits what the cursors find, in the order of the search, until visit says
// that it is enough.
func (s *searcher) walk(visit func(*cursor) (more bool, err error)) error {
	if len(s.cursors) == 1 {
		c := s.cursors[0]
		for c.step() {
			if more, err := visit(c); !more || err != nil || s.tired() {
				return err
			}
		}
		return nil
	}
	s.heads = s.heads[:0]
	for _, c := range s.cursors {
		if c.step() {
			s.heads = append(s.heads, c)
		}
	}
	for len(s.heads) > 0 && s.stopped == ldapwire.Success {
		first := 0
		for i := 1; i < len(s.heads); i++ {
			if s.compare(s.heads[i].doc.record, s.heads[first].doc.record) < 0 {
				first = i
			}
		}
		c := s.heads[first]
		if more, err := visit(c); !more || err != nil || s.tired() {
			return err
		}
		if !c.step() {
			s.heads = slices.Delete(s.heads, first, first+1)
		}
	}
	return nil
}

// compare orders entries as the search does.
func (s *searcher) compare(a, b record) int {
	if s.query.Sort != nil {
		s.keys[0] = appendKey(s.keys[0][:0], a, s.query.Sort)
		s.keys[1] = appendKey(s.keys[1][:0], b, s.query.Sort)
		if c := bytes.Compare(s.keys[0], s.keys[1]); c != 0 {
			return c
		}
	}
	return compareRecords(a, b)
}

// resume takes the cursors behind where the search stopped before. It returns how
// many entries were sent until then, and how many have to be passed over: all of
// those where the last one is gone.
func (s *searcher) resume() (seen, skip int) {
	after := s.query.After
	if after == nil {
		return 0, 0
	}
	for _, c := range s.cursors {
		if n, ok := c.seg.find(after.ID); ok && !c.dead.has(n) {
			for _, other := range s.cursors {
				other.behind(c.seg.record(n))
			}
			return after.Seen, 0
		}
	}
	return after.Seen, after.Seen
}
