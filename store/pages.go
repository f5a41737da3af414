package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
)

// The pages of a bbolt file, version 2, in the byte order of the machines that Dialtree is built for. A page begins with
// its number, its type, how many elements it has and how many further pages it takes.
const (
	pageHeader = 16

	pageBranch   = 0x01
	pageLeaf     = 0x02
	pageFreelist = 0x10

	branchElement = 16 // where its key is, length of the key, page
	leafElement   = 16 // flags, where its key is, lengths of key and value

	leafBucket   = 0x01 // flag of an element whose value is a bucket: root page, sequence, and the page itself where the root is 0
	bucketHeader = 16

	metaMagic    = 0xED0CDAED
	metaVersion  = 2
	metaSize     = 64
	metaSummed   = 56 // of them, what the checksum at the end is of
	noFreelist   = math.MaxUint64
	manyFree     = 0xffff // elements: their number is the first of them
	deepestPage  = 64     // levels: a tree of 2^64 keys has fewer
	leastPage    = 1 << 10
	largestPage  = 1 << 16
	twoMetaPages = 2
)

// A fileMeta is what a meta page says of the file.
type fileMeta struct {
	page     uint64 // the number of the meta page: 0 or 1
	pageSize int64
	root     uint64
	freelist uint64
	pages    uint64 // the first page behind all that are in use
	tx       uint64
}

// A pageChecker looks whether the pages of a file hold together: each page is where its number says, is used once, has its elements
// inside itself and its keys in order, and the list of free pages holds the rest. It reads the file, not bbolt's map of it: a
// page number with a flipped bit then is an error and not a fault, which bbolt's own check cannot recover from.
// What it does not see is a value with other bytes of the same length.
type pageChecker struct {
	ctx    context.Context
	file   io.ReaderAt
	meta   fileMeta
	used   pageSet
	report func(format string, args ...any) error // an error ends the check
	wrong  bool                                   // something was reported
	levels [deepestPage][]byte                    // a page for each level of the tree, used again for the next page of it
}

// checkPages reports what is wrong with the pages of a file of this size, as of its last commit.
func checkPages(ctx context.Context, file io.ReaderAt, size int64, report func(format string, args ...any) error) error {
	c := &pageChecker{ctx: ctx, file: file}
	c.report = func(format string, args ...any) error {
		c.wrong = true
		return report(format, args...)
	}
	meta, _, err := readMeta(file)
	if err != nil {
		return report("%v", err)
	}
	if want := int64(meta.pages) * meta.pageSize; meta.pages > math.MaxInt64/largestPage || size < want {
		return report("it was cut off: %d of %d bytes are left", size, want)
	}
	c.meta, c.used = meta, newPageSet(meta.pages)
	if meta.root < twoMetaPages {
		return report("its root is page %d", meta.root)
	}
	if err := c.tree(meta.root, 0, nil, nil); err != nil {
		return err
	}
	return c.freelist()
}

// readMeta returns the meta page that counts, as bbolt chooses it, and what is lost where the later one of the two is damaged.
func readMeta(file io.ReaderAt) (meta fileMeta, lost string, err error) {
	first, firstErr := metaAt(file, 0, 0)
	if firstErr == nil {
		second, secondErr := metaAt(file, 1, first.pageSize)
		switch {
		case secondErr != nil:
			return first, lostMeta(1, secondErr), nil
		case second.tx > first.tx:
			return second, "", nil
		}
		return first, "", nil
	}
	for size := int64(leastPage); size <= largestPage; size *= 2 {
		if second, err := metaAt(file, 1, size); err == nil && second.pageSize == size {
			return second, lostMeta(0, firstErr), nil
		}
	}
	return fileMeta{}, "", fmt.Errorf("it is not a database, or both its meta pages are damaged: %w", firstErr)
}

func lostMeta(page int, err error) string {
	return fmt.Sprintf("meta page %d is damaged (%v): the store is as it was before its last change, which may be lost; look whether it is there, and make it again", page, err)
}

func metaAt(file io.ReaderAt, page uint64, pageSize int64) (fileMeta, error) {
	var raw [pageHeader + metaSize]byte
	if _, err := file.ReadAt(raw[:], int64(page)*pageSize); err != nil {
		return fileMeta{}, plainCause(err)
	}
	b := raw[pageHeader:]
	order := binary.LittleEndian
	sum := fnv.New64a()
	sum.Write(b[:metaSummed])
	m := fileMeta{page: page, pageSize: int64(order.Uint32(b[8:])), root: order.Uint64(b[16:]),
		freelist: order.Uint64(b[32:]), pages: order.Uint64(b[40:]), tx: order.Uint64(b[48:])}
	switch {
	case order.Uint32(b) != metaMagic:
		return fileMeta{}, errors.New("it does not begin as one")
	case order.Uint32(b[4:]) != metaVersion:
		return fileMeta{}, fmt.Errorf("version %d of the format is unknown", order.Uint32(b[4:]))
	case order.Uint64(b[metaSummed:]) != sum.Sum64():
		return fileMeta{}, errors.New("its checksum differs")
	case m.pageSize < leastPage || m.pageSize > largestPage || m.pageSize&(m.pageSize-1) != 0:
		return fileMeta{}, fmt.Errorf("its pages have %d bytes", m.pageSize)
	}
	return m, nil
}

// A page is the bytes of one, with those of the pages that it goes on in.
type page struct {
	number uint64
	kind   uint16
	count  int
	data   []byte
}

func (p *page) u32(at int) int    { return int(binary.LittleEndian.Uint32(p.data[at:])) }
func (p *page) u64(at int) uint64 { return binary.LittleEndian.Uint64(p.data[at:]) }

// read reads a page into a buffer of its level and notes that it is used. ok is false when that was reported as wrong.
func (c *pageChecker) read(number uint64, level int) (p page, ok bool, err error) {
	if err := c.ctx.Err(); err != nil {
		return p, false, err
	}
	if number < twoMetaPages || number >= c.meta.pages {
		return p, false, c.report("page %d is named, but the file has pages 2 to %d", number, c.meta.pages-1)
	}
	var head [pageHeader]byte
	if _, err := c.file.ReadAt(head[:], int64(number)*c.meta.pageSize); err != nil {
		return p, false, c.report("page %d cannot be read (%v)", number, plainCause(err))
	}
	p = page{number: number, kind: binary.LittleEndian.Uint16(head[8:]), count: int(binary.LittleEndian.Uint16(head[10:]))}
	more := uint64(binary.LittleEndian.Uint32(head[12:]))
	if own := binary.LittleEndian.Uint64(head[:]); own != number {
		return p, false, c.report("page %d says that it is page %d", number, own)
	}
	if more >= c.meta.pages-number {
		return p, false, c.report("page %d goes on behind the end of the file", number)
	}
	for i := number; i <= number+more; i++ {
		if !c.used.add(i) {
			return p, false, c.report("page %d is used twice", i)
		}
	}
	size := int((more + 1) * uint64(c.meta.pageSize))
	if cap(c.levels[level]) < size {
		c.levels[level] = make([]byte, size)
	}
	p.data = c.levels[level][:size]
	if _, err := c.file.ReadAt(p.data, int64(number)*c.meta.pageSize); err != nil {
		return p, false, c.report("page %d cannot be read (%v)", number, plainCause(err))
	}
	return p, true, nil
}

// tree checks a page and all below it. Its keys are least or greater, and less than end; nil is no bound.
func (c *pageChecker) tree(number uint64, level int, least, end []byte) error {
	if level == deepestPage {
		return c.report("page %d is more than %d levels deep", number, deepestPage)
	}
	p, ok, err := c.read(number, level)
	if !ok {
		return err
	}
	switch p.kind {
	case pageBranch:
		return c.branch(&p, level, least, end)
	case pageLeaf:
		return c.leaf(&p, level, least, end)
	}
	return c.report("page %d is of the type %#x, neither branch nor leaf", number, p.kind)
}

// elements tells whether the elements of a page are inside it.
func (p *page) elements(size int) bool { return pageHeader+p.count*size <= len(p.data) }

// cut returns bytes of a page; false when they are not inside it.
func (p *page) cut(from, length int) ([]byte, bool) {
	if from < pageHeader || length < 0 || from > len(p.data) || length > len(p.data)-from {
		return nil, false
	}
	return p.data[from : from+length], true
}

func (c *pageChecker) branch(p *page, level int, least, end []byte) error {
	if p.count == 0 || !p.elements(branchElement) {
		return c.report("page %d says that it has %d elements", p.number, p.count)
	}
	key := func(i int) ([]byte, bool) {
		at := pageHeader + i*branchElement
		return p.cut(at+p.u32(at), p.u32(at+4))
	}
	for i := range p.count {
		from, ok := key(i)
		if !ok {
			return c.report("element %d of page %d is not inside it", i, p.number)
		}
		to := end
		if i+1 < p.count {
			if to, ok = key(i + 1); !ok {
				return c.report("element %d of page %d is not inside it", i+1, p.number)
			}
			if bytes.Compare(from, to) >= 0 {
				return c.report("the keys of page %d are not in order at element %d", p.number, i+1)
			}
		}
		if outside(from, least, end) {
			return c.report("element %d of page %d has a key that belongs elsewhere", i, p.number)
		}
		if err := c.tree(p.u64(pageHeader+i*branchElement+8), level+1, from, to); err != nil {
			return err
		}
	}
	return nil
}

func outside(key, least, end []byte) bool {
	return bytes.Compare(key, least) < 0 || end != nil && bytes.Compare(key, end) >= 0
}

func (c *pageChecker) leaf(p *page, level int, least, end []byte) error {
	if !p.elements(leafElement) {
		return c.report("page %d says that it has %d elements", p.number, p.count)
	}
	var previous []byte
	for i := range p.count {
		at := pageHeader + i*leafElement
		flags, from, length := p.u32(at), at+p.u32(at+4), p.u32(at+8)
		key, ok := p.cut(from, length)
		value, alsoOK := p.cut(from+length, p.u32(at+12))
		switch {
		case !ok || !alsoOK:
			return c.report("element %d of page %d is not inside it", i, p.number)
		case flags&^leafBucket != 0:
			return c.report("element %d of page %d has unknown flags %#x", i, p.number, flags)
		case outside(key, least, end):
			return c.report("element %d of page %d has a key that belongs elsewhere", i, p.number)
		case i > 0 && bytes.Compare(previous, key) >= 0:
			return c.report("the keys of page %d are not in order at element %d", p.number, i)
		}
		previous = key
		if flags&leafBucket != 0 {
			if err := c.bucket(p.number, key, value, level); err != nil {
				return err
			}
		}
	}
	return nil
}

// bucket checks a bucket inside a leaf of the bucket that it is in.
func (c *pageChecker) bucket(in uint64, name, value []byte, level int) error {
	if len(value) < bucketHeader {
		return c.report("the bucket %q of page %d is cut off", name, in)
	}
	if root := binary.LittleEndian.Uint64(value); root != 0 {
		return c.tree(root, level+1, nil, nil)
	}
	inline := value[bucketHeader:]
	if len(inline) < pageHeader {
		return c.report("the bucket %q of page %d is cut off", name, in)
	}
	p := page{number: in, kind: binary.LittleEndian.Uint16(inline[8:]), count: int(binary.LittleEndian.Uint16(inline[10:])), data: inline}
	if p.kind != pageLeaf {
		return c.report("the bucket %q of page %d is of the type %#x, not a leaf", name, in, p.kind)
	}
	return c.leaf(&p, level, nil, nil)
}

// freelist checks that the list of free pages holds those that are not used, and no others.
func (c *pageChecker) freelist() error {
	if c.meta.freelist == noFreelist {
		return nil // bbolt finds the free pages by itself
	}
	p, ok, err := c.read(c.meta.freelist, 0)
	if !ok {
		return err
	}
	if p.kind != pageFreelist {
		return c.report("page %d is of the type %#x, not the list of free pages", p.number, p.kind)
	}
	at, count := pageHeader, uint64(p.count)
	if p.count == manyFree {
		at, count = at+8, p.u64(at)
	}
	if count > uint64(len(p.data)-at)/8 {
		return c.report("the list of free pages says that it holds %d", count)
	}
	for i := range int(count) {
		free := p.u64(at + 8*i)
		if free < twoMetaPages || free >= c.meta.pages {
			return c.report("page %d is listed as free, but the file has pages 2 to %d", free, c.meta.pages-1)
		}
		if !c.used.add(free) {
			return c.report("page %d is listed as free and used, or free twice", free)
		}
	}
	for i := uint64(twoMetaPages); i < c.meta.pages && !c.wrong; i++ { // below a page that is wrong nothing was looked at
		if !c.used.has(i) {
			return c.report("page %d is neither used nor free", i)
		}
	}
	return nil
}

// A pageSet is a set of page numbers.
type pageSet []uint64

func newPageSet(pages uint64) pageSet { return make(pageSet, pages/64+1) }

func (s pageSet) has(n uint64) bool { return s[n/64]&(1<<(n%64)) != 0 }

// add tells whether a page was not in the set before.
func (s pageSet) add(n uint64) bool {
	if s.has(n) {
		return false
	}
	s[n/64] |= 1 << (n % 64)
	return true
}
