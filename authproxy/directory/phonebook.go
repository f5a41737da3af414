package directory

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"sync"
)

// A Phonebook is a phonebook as a whole.
type Phonebook struct {
	Name  string
	Title string
	Total int // contacts
	// Version is another one after each change of a contact or of the title, and the same one for the same content,
	// also after a restart.
	Version string
}

// Phonebook returns the phonebook of that name; false where there is none that the reader may read: which of the two, nobody learns.
func (t *Tree) Phonebook(ctx context.Context, r *Reader, name string) (Phonebook, bool, error) {
	s, err := t.snapshot(ctx)
	if err != nil {
		return Phonebook{}, false, err
	}
	a, err := s.access(r, false)
	if err != nil {
		return Phonebook{}, false, err
	}
	for _, v := range a.views {
		if c := v.home; name != "" && c.book == name && v.only == "" {
			total, version := c.content.of(c)
			return Phonebook{Name: c.book, Title: c.title, Total: total, Version: version}, true, nil
		}
	}
	return Phonebook{}, false, nil
}

// A content describes the entries of a container. It is worked out when it is first asked for: few are.
type content struct {
	once  sync.Once
	total int
	sum   [16]byte
}

// of returns the number of entries and the version.
func (d *content) of(c *container) (total int, version string) {
	d.once.Do(func() { d.total, d.sum = c.summarise() })
	h := sha256.New()
	h.Write(d.sum[:])
	h.Write([]byte(c.title))
	return d.total, hex.EncodeToString(h.Sum(nil)[:12])
}

// summarise adds up the digests of all entries: which of them are kept apart as changes, and in which order, does not matter.
func (c *container) summarise() (total int, sum [16]byte) {
	var high, low uint64
	add := func(r record) {
		digest := sha256.Sum256(r[:r.size()])
		high += binary.LittleEndian.Uint64(digest[:])
		low += binary.LittleEndian.Uint64(digest[8:])
		total++
	}
	for n := range c.base.len() {
		if !c.dead.has(uint32(n)) {
			add(c.base.record(uint32(n)))
		}
	}
	for n := range c.delta.len() {
		add(c.delta.record(uint32(n)))
	}
	binary.LittleEndian.PutUint64(sum[:], high)
	binary.LittleEndian.PutUint64(sum[8:], low)
	return total, sum
}
