package ldapwire

import "math"

// The values of the controls that a search may have and its result answers with.
// Byte slices in decoded values point into the input.

// maxSortKeys bounds the keys of one sort request.
const maxSortKeys = 16

// The tags inside SortKeyList, SortResult and VirtualListViewRequest.
const (
	tagSortRule      = 0x80
	tagSortReverse   = 0x81
	tagSortAttribute = 0x80
	tagByOffset      = 0xa0
	tagAtLeast       = 0x81
)

// A PagedResults is the value of the paged results control (RFC 2696), in a
// request and in its answer.
type PagedResults struct {
	Size   int32 // of a request: entries in the page; of an answer: an estimate of all, 0 for none
	Cookie []byte
}

// Decode reads the value.
func (p *PagedResults) Decode(b []byte) error {
	*p = PagedResults{}
	err := decodeValue(b, "realSearchControlValue", func(c *cursor) {
		p.Size = c.integer(tagInteger, "page size", 0, math.MaxInt32)
		p.Cookie = c.octets(tagOctetString, "cookie")
	})
	if err != nil {
		*p = PagedResults{}
	}
	return err
}

// Append appends the value.
func (p *PagedResults) Append(dst []byte) []byte {
	dst, mark := begin(dst, tagSequence)
	dst = appendInteger(dst, tagInteger, p.Size)
	dst = appendOctets(dst, tagOctetString, p.Cookie)
	return end(dst, mark)
}

// A SortKey is one key of a server-side sort request (RFC 2891).
type SortKey struct {
	Attribute []byte
	Rule      []byte // nil: the attribute's own ordering rule
	Reverse   bool
}

// DecodeSortKeys reads the value of a server-side sort request.
func DecodeSortKeys(b []byte) ([]SortKey, error) {
	var keys []SortKey
	err := decodeValue(b, "SortKeyList", func(c *cursor) {
		keys = make([]SortKey, c.count("sort key", maxSortKeys))
		if len(keys) == 0 {
			c.fail(c.pos, "SortKeyList", "no key")
		}
		for i := range keys {
			k := c.enter(tagSequence, "sort key")
			keys[i].Attribute = k.octets(tagOctetString, "sort attribute")
			if k.at(tagSortRule) {
				keys[i].Rule = k.octets(tagSortRule, "ordering rule")
			}
			if k.at(tagSortReverse) {
				keys[i].Reverse = k.boolean(tagSortReverse, "reverse order")
			}
			k.rest()
		}
	})
	if err != nil {
		return nil, err
	}
	return keys, nil
}

// AppendSortKeys appends the value of a server-side sort request.
func AppendSortKeys(dst []byte, keys []SortKey) []byte {
	dst, mark := begin(dst, tagSequence)
	for _, k := range keys {
		var one int
		dst, one = begin(dst, tagSequence)
		dst = appendOctets(dst, tagOctetString, k.Attribute)
		dst = appendOptional(dst, tagSortRule, k.Rule)
		if k.Reverse {
			dst = appendBoolean(dst, tagSortReverse, true)
		}
		dst = end(dst, one)
	}
	return end(dst, mark)
}

// A SortResult is the value of the answer to a sort request.
type SortResult struct {
	Code      ResultCode
	Attribute []byte // the first that could not be sorted by; nil: none named
}

// Decode reads the value.
func (r *SortResult) Decode(b []byte) error {
	*r = SortResult{}
	err := decodeValue(b, "SortResult", func(c *cursor) {
		r.Code = ResultCode(c.integer(tagEnumerated, "sort result", 0, math.MaxInt32))
		if c.at(tagSortAttribute) {
			r.Attribute = c.octets(tagSortAttribute, "sort attribute")
		}
	})
	if err != nil {
		*r = SortResult{}
	}
	return err
}

// Append appends the value.
func (r *SortResult) Append(dst []byte) []byte {
	dst, mark := begin(dst, tagSequence)
	dst = appendInteger(dst, tagEnumerated, int32(r.Code))
	dst = appendOptional(dst, tagSortAttribute, r.Attribute)
	return end(dst, mark)
}

// A VirtualListView is the value of a virtual list view request
// (draft-ietf-ldapext-ldapv3-vlv-09). The target is an offset, from 1 among
// ContentCount as the client believes it, or the first entry whose sort key is
// at least AtLeast where that is not nil.
type VirtualListView struct {
	Before, After int32
	Offset        int32
	ContentCount  int32 // 0: the client knows none
	AtLeast       []byte
	ContextID     []byte // nil where absent
}

// Decode reads the value.
func (v *VirtualListView) Decode(b []byte) error {
	*v = VirtualListView{}
	err := decodeValue(b, "VirtualListViewRequest", func(c *cursor) {
		v.Before = c.integer(tagInteger, "beforeCount", 0, math.MaxInt32)
		v.After = c.integer(tagInteger, "afterCount", 0, math.MaxInt32)
		if c.at(tagAtLeast) {
			v.AtLeast = c.octets(tagAtLeast, "greaterThanOrEqual")
		} else {
			o := c.enter(tagByOffset, "byOffset")
			v.Offset = o.integer(tagInteger, "offset", 0, math.MaxInt32)
			v.ContentCount = o.integer(tagInteger, "contentCount", 0, math.MaxInt32)
			o.rest()
		}
		if c.at(tagOctetString) {
			v.ContextID = c.octets(tagOctetString, "contextID")
		}
	})
	if err != nil {
		*v = VirtualListView{}
	}
	return err
}

// Append appends the value.
func (v *VirtualListView) Append(dst []byte) []byte {
	dst, mark := begin(dst, tagSequence)
	dst = appendInteger(dst, tagInteger, v.Before)
	dst = appendInteger(dst, tagInteger, v.After)
	if v.AtLeast != nil {
		dst = appendOctets(dst, tagAtLeast, v.AtLeast)
	} else {
		var by int
		dst, by = begin(dst, tagByOffset)
		dst = appendInteger(dst, tagInteger, v.Offset)
		dst = appendInteger(dst, tagInteger, v.ContentCount)
		dst = end(dst, by)
	}
	dst = appendOptional(dst, tagOctetString, v.ContextID)
	return end(dst, mark)
}

// A VirtualListViewResult is the value of the answer to a virtual list view
// request.
type VirtualListViewResult struct {
	Target       int32 // position of the target, from 1
	ContentCount int32
	Code         ResultCode
	ContextID    []byte // nil where absent
}

// Decode reads the value.
func (v *VirtualListViewResult) Decode(b []byte) error {
	*v = VirtualListViewResult{}
	err := decodeValue(b, "VirtualListViewResponse", func(c *cursor) {
		v.Target = c.integer(tagInteger, "targetPosition", 0, math.MaxInt32)
		v.ContentCount = c.integer(tagInteger, "contentCount", 0, math.MaxInt32)
		v.Code = ResultCode(c.integer(tagEnumerated, "virtualListViewResult", 0, math.MaxInt32))
		if c.at(tagOctetString) {
			v.ContextID = c.octets(tagOctetString, "contextID")
		}
	})
	if err != nil {
		*v = VirtualListViewResult{}
	}
	return err
}

// Append appends the value.
func (v *VirtualListViewResult) Append(dst []byte) []byte {
	dst, mark := begin(dst, tagSequence)
	dst = appendInteger(dst, tagInteger, v.Target)
	dst = appendInteger(dst, tagInteger, v.ContentCount)
	dst = appendInteger(dst, tagEnumerated, int32(v.Code))
	dst = appendOptional(dst, tagOctetString, v.ContextID)
	return end(dst, mark)
}

// DecodeSubentries reads the value of the subentries control (RFC 3672): whether
// subentries, and nothing else, are to be seen.
func DecodeSubentries(b []byte) (visible bool, err error) {
	d := decoder{in: b}
	c := cursor{d: &d, end: len(b)}
	visible = c.boolean(tagBoolean, "subentries")
	c.rest()
	if d.err.What != "" {
		err := d.err
		return false, &err
	}
	return visible, nil
}

// decodeValue reads a control value that is one SEQUENCE.
func decodeValue(b []byte, what string, read func(*cursor)) error {
	d := decoder{in: b}
	all := cursor{d: &d, end: len(b)}
	c := all.enter(tagSequence, what)
	read(&c)
	c.rest()
	all.rest()
	if d.err.What != "" {
		err := d.err
		return &err
	}
	return nil
}
