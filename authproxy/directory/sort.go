package directory

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

// A SortKey is a key of a server-side sort (RFC 2891), looked up.
type SortKey struct {
	attr    *attribute
	reverse bool
}

// SortKeys looks the keys of a sort request up. Where one cannot be sorted by, the
// code says why and attribute is its name.
func (t *Tree) SortKeys(keys []ldapwire.SortKey) (sort []SortKey, code ldapwire.ResultCode, attribute []byte) {
	for _, k := range keys {
		a := t.schema.find(k.Attribute)
		switch {
		case a == nil:
			return nil, ldapwire.NoSuchAttribute, k.Attribute
		case a.syntax == syntaxOctets || a.field == 0 && a.syntax != syntaxTime,
			k.Rule != nil && !orders(string(k.Rule)):
			return nil, ldapwire.InappropriateMatching, k.Attribute
		}
		sort = append(sort, SortKey{a, k.Reverse})
	}
	return sort, ldapwire.Success, nil
}

// orders tells whether a rule may be named for a sort: the ordering rules, and
// caseIgnoreMatch and telephoneNumberMatch, which clients send in their place.
func orders(name string) bool {
	r := matchingRule(name)
	return r != nil && !r.exact && (r.syntax == syntaxText || r.syntax == syntaxNumber || r.syntax == syntaxTime)
}

// A View is a window on a sorted result (virtual list view).
type View struct {
	Before, After int
	Offset, Count int    // of the target, as the client sees it
	AtLeast       []byte // instead: the target is the first entry that is not less
}

// mostOrders is how many orders of its entries a segment remembers.
const mostOrders = 4

// appendKey appends what an entry is sorted by: for each key, a byte that puts
// entries without a value behind the others (RFC 2891, section 2.2), the least
// value, and an end that is less than any character.
func appendKey(dst []byte, r record, sort []SortKey) []byte {
	for _, k := range sort {
		start := len(dst)
		value, ok := k.value(r)
		if ok {
			dst = append(append(append(dst, 1), value...), 0, 0)
		} else {
			dst = append(dst, 2)
		}
		if k.reverse {
			for i := start; i < len(dst); i++ {
				dst[i] = ^dst[i]
			}
		}
	}
	return dst
}

// value is the least value of a key.
func (k *SortKey) value(r record) (least []byte, ok bool) {
	if k.attr.field == 0 {
		at := r.modified()
		if k.attr.name() == "createTimestamp" {
			at = r.created()
		}
		return binary.BigEndian.AppendUint32(nil, uint32(at)), true
	}
	for items := r.items(); len(items) > 0; {
		var tag byte
		var text []byte
		tag, text, items = nextItem(items)
		if store.FieldID(tag&fieldMask) == k.attr.field && form(tag>>formShift) == formBase &&
			(!ok || bytes.Compare(text, least) < 0) {
			least, ok = text, true
		}
	}
	return least, ok
}

func sortName(sort []SortKey) string {
	var b strings.Builder
	for _, k := range sort {
		b.WriteString(k.attr.oid)
		if k.reverse {
			b.WriteByte('-')
		}
		b.WriteByte(' ')
	}
	return b.String()
}

// sorted returns the numbers of all entries in the order of a sort.
func (s *segment) sorted(sort []SortKey) []uint32 {
	name := sortName(sort)
	s.mu.Lock()
	order := s.orders[name]
	s.mu.Unlock()
	if order != nil {
		return order
	}
	type item struct {
		head    uint64
		number  uint32
		at, end uint32 // of the key in keys
	}
	var keys []byte
	items := make([]item, s.len())
	for n := range items {
		at := len(keys)
		keys = appendKey(keys, s.record(uint32(n)), sort)
		items[n] = item{head64(keys[at:]), uint32(n), uint32(at), uint32(len(keys))}
	}
	slices.SortFunc(items, func(a, b item) int {
		if a.head != b.head {
			return cmp.Compare(a.head, b.head)
		}
		if c := bytes.Compare(keys[a.at:a.end], keys[b.at:b.end]); c != 0 {
			return c
		}
		return cmp.Compare(a.number, b.number)
	})
	order = make([]uint32, len(items))
	for i := range items {
		order[i] = items[i].number
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.orders == nil {
		s.orders = make(map[string][]uint32)
	}
	if len(s.orders) < mostOrders {
		s.orders[name] = order
	}
	return order
}

// arrange puts what the cursors look at into the order that was asked for.
func (s *searcher) arrange() {
	keys := s.query.Sort
	if keys == nil {
		return
	}
	defer s.sortInTurn()()
	for _, c := range s.cursors {
		if c.way == oneByOne {
			c.way, c.list = byList, c.seg.sorted(keys)
			continue
		}
		c.spread()
		slices.SortFunc(c.list, func(a, b uint32) int { return s.compare(c.seg.record(a), c.seg.record(b)) })
	}
}

// window sends the entries of a virtual list view. The result is gone through
// twice, to find the target and to send what is around it, so that no list of it
// is held.
func (s *searcher) window() (Result, error) {
	v := s.query.View
	var least []byte
	if v.AtLeast != nil {
		least = s.leastKey(v.AtLeast)
	}
	target, count := 0, 0
	err := s.walk(func(c *cursor) (bool, error) {
		count++
		if least != nil && target == 0 {
			s.keys[0] = appendKey(s.keys[0][:0], c.doc.record, s.query.Sort[:1])
			if bytes.Compare(s.keys[0], least) >= 0 {
				target = count
			}
		}
		return true, nil
	})
	switch {
	case err != nil || s.stopped != ldapwire.Success:
		return Result{Code: s.stopped}, err
	case least == nil:
		target = v.position(count)
		if target < 0 {
			return Result{Code: ldapwire.OffsetRangeError, Count: count}, nil
		}
	case target == 0:
		target = count + 1
	}
	return s.around(target, count)
}

// position is where the target is among count entries, as the client's idea of
// their number says; -1 where there is no such place.
func (v *View) position(count int) int {
	switch {
	case v.Offset < 1:
		return -1
	case v.Count == 0 || v.Count == count:
		return min(v.Offset, count+1)
	case v.Offset == 1:
		return 1
	case v.Offset >= v.Count:
		return count
	}
	return max(1, int(int64(count)*int64(v.Offset)/int64(v.Count)))
}

// around sends the entries around the target, as many as the limit allows.
func (s *searcher) around(target, count int) (Result, error) {
	v := s.query.View
	first := max(1, target-min(v.Before, target))
	last := min(count, target+min(v.After, count))
	result := Result{Target: target, Count: count}
	if last-first+1 > s.query.Limit {
		last = first + s.query.Limit - 1
		result.Code = ldapwire.SizeLimitExceeded
	}
	for _, c := range s.cursors {
		c.next = 0
	}
	n := 0
	err := s.walk(func(c *cursor) (bool, error) {
		if n++; n < first {
			return true, nil
		}
		if n > last {
			return false, nil
		}
		return true, s.send(c)
	})
	if s.stopped != ldapwire.Success {
		result.Code = s.stopped
	}
	return result, err
}

// leastKey is the sort key from which on entries are not less than an assertion, in
// the order of the first key: all that begin with it in the usual order, what is
// equal in the reverse one.
func (s *searcher) leastKey(value []byte) []byte {
	k := s.query.Sort[0]
	key := []byte{1}
	switch k.attr.syntax {
	case syntaxNumber:
		key = s.tree.numbers.canonical(key, string(value))
	case syntaxTime:
		at, _ := parseTime(string(value))
		key = binary.BigEndian.AppendUint32(key, uint32(at))
	default:
		key = appendSqueezed(key, base(foldText(string(value))), initial)
		if k.reverse {
			key = endText(key, 1, whole)
		}
	}
	if k.reverse {
		key = append(key, 0, 0)
		for i := range key {
			key[i] = ^key[i]
		}
	}
	return key
}
