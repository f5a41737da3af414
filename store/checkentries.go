package store

import (
	"bytes"
	"fmt"
)

// entries checks each entry by itself, that what it names exists, that the indexes lead to it, and the counts.
func (c *checker) entries() error {
	var counts Counts
	var last string // the object that was looked up last: entries of one owner are many
	known := make(map[string]bool)
	exists := func(r ObjectRef) bool {
		if key := r.String(); key != last {
			if _, ok := known[key]; !ok {
				known[key] = objectExists(c.tx, r)
			}
			last = key
		}
		return known[last]
	}
	err := c.forEach(bucketEntries, func(k, v []byte) error {
		if len(k) != len(id{}) || id(k).kind() == 0 {
			return c.report(fmt.Sprintf("entry with the key %x", k), "the key is not an ID")
		}
		x := id(k)
		e, err := decodeRecord(x, v)
		if err != nil {
			return c.report(fmt.Sprintf("%s %s", x.kind(), x), "%v", err)
		}
		counts.add(&e, 1)
		return c.entry(x, &e, exists)
	})
	if err != nil {
		return err
	}
	stored, err := readCounts(c.tx)
	if err != nil {
		return c.report("counts", "%v", err)
	}
	if !stored.equal(counts) {
		return c.report("counts", "stored are %+v, there are %+v", stored, counts)
	}
	return nil
}

func (c *checker) entry(x id, e *Entry, exists func(ObjectRef) bool) error {
	where := e.describe().String()
	if f, message := checkEntry(e); message != "" {
		if f != 0 {
			message = f.String() + " " + message
		}
		if err := c.report(where, "%s", message); err != nil {
			return err
		}
	}
	for _, r := range [...]ObjectRef{{ObjectConnector, e.Owner}, {ObjectPhonebook, e.Phonebook}, {ObjectUpstream, e.Auth.Upstream}} {
		if r.Name != "" && !exists(r) {
			if err := c.report(where, "%s does not exist", r); err != nil {
				return err
			}
		}
	}
	if e.Seq > c.seq {
		if err := c.report(where, "its change %d is later than the store's last change %d", e.Seq, c.seq); err != nil {
			return err
		}
	}
	return c.indexed(where, x, e)
}

// indexed checks that each index leads to the entry.
func (c *checker) indexed(where string, x id, e *Entry) error {
	name, code, key, book := e.names(x)
	for _, i := range [...]struct{ bucket, key, value []byte }{
		{bucketNames, name, x[:]}, {bucketCodes, code, x[:]}, {bucketKeys, key, x[:]}, {bucketBooks, book, []byte{}},
	} {
		if i.key == nil {
			continue
		}
		got := []byte(nil)
		if len(i.key) > 0 {
			got = c.tx.Bucket(i.bucket).Get(i.key)
		}
		if got == nil || !bytes.Equal(got, i.value) {
			if err := c.report(where, "the index %s does not lead to it", i.bucket); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *checker) names() error {
	return c.index(bucketNames, func(e *Entry, x id) []byte { name, _, _, _ := e.names(x); return name })
}

func (c *checker) codes() error {
	return c.index(bucketCodes, func(e *Entry, x id) []byte { _, code, _, _ := e.names(x); return code })
}

func (c *checker) keys() error {
	return c.index(bucketKeys, func(e *Entry, x id) []byte { _, _, key, _ := e.names(x); return key })
}

// index checks that each key of an index leads to an entry that has this key.
func (c *checker) index(bucket []byte, keyOf func(*Entry, id) []byte) error {
	entries := c.tx.Bucket(bucketEntries)
	return c.forEach(bucket, func(k, v []byte) error {
		where := fmt.Sprintf("index %s, key %q", bucket, k)
		if len(v) != len(id{}) {
			return c.report(where, "%x is not an ID", v)
		}
		x := id(v)
		record := entries.Get(v)
		if record == nil {
			return c.report(where, "%s %s does not exist", x.kind(), x)
		}
		e, err := decodeRecord(x, record)
		if err != nil {
			return nil // reported with the entries
		}
		if !bytes.Equal(keyOf(&e, x), k) {
			return c.report(where, "%s does not have this key", e.describe())
		}
		return nil
	})
}

// books checks that each line of a phonebook is a contact in it.
func (c *checker) books() error {
	entries := c.tx.Bucket(bucketEntries)
	return c.forEach(bucketBooks, func(k, _ []byte) error {
		where := fmt.Sprintf("index books, key %q", k)
		name, raw, _ := bytes.Cut(k, []byte{0})
		if len(raw) != len(id{}) {
			return c.report(where, "it does not end in an ID")
		}
		x := id(raw)
		record := entries.Get(raw)
		if record == nil {
			return c.report(where, "%s %s does not exist", x.kind(), x)
		}
		if e, err := decodeRecord(x, record); err == nil && e.Phonebook != string(name) {
			return c.report(where, "%s is not in this phonebook", e.describe())
		}
		return nil
	})
}
