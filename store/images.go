package store

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"

	"go.etcd.io/bbolt"
)

// An Image is an entry as it was before a run.
type Image struct {
	Ref     Ref
	Existed bool
	Entry   Entry // only where it existed
}

// imageChunk is how much of a run's images, before compression, is one value of the file, and so what reading them back holds in memory.
const imageChunk = 256 << 10

// maxImageChunk bounds what a chunk may unpack to: one record may be larger than a chunk.
const maxImageChunk = imageChunk + 64<<20

var errImages = errors.New("what the run replaced is damaged: run dialtree check")

// sharedImages bounds what the runs of a connector replaced, as it is stored, where it is shared: whoever begins from a snapshot fetches all of it. It is what five
// imports take that change all of 200,000 contacts.
const sharedImages = 64 << 20

// manyImages is how many connectors may keep that much; where there are more, each may keep its part of what these would.
const manyImages = 4

// imagesBound is what the runs of one connector may keep, where one that is alone may keep most.
func imagesBound(tx *bbolt.Tx, most int) int {
	return most * manyImages / max(manyImages, 1+len(objectRefs(tx, ObjectConnector))) // the one more is for imports by hand
}

// trimImages forgets what the oldest runs of a connector replaced, until the rest is within a bound. The latest run's stays in any case.
func trimImages(w *writes, connector string, most int) error {
	prefix := joinNUL(connector, "")
	var latest uint64
	total := 0
	for k, v := range backwards(w.table(bucketImages).Bucket, prefix) {
		run := binary.BigEndian.Uint64(k[len(prefix):])
		latest = max(latest, run)
		if total += len(v); total > most && run != latest {
			return removeBefore(w, bucketImages, connector, run+1)
		}
	}
	return nil
}

// trimAllImages is trimImages for every connector, where one that is alone may keep most.
func trimAllImages(w *writes, most int) error {
	names := []string{HandImports}
	for _, r := range objectRefs(w.tx, ObjectConnector) {
		names = append(names, r.Name)
	}
	most = imagesBound(w.tx, most)
	for _, name := range names {
		if err := trimImages(w, name, most); err != nil {
			return err
		}
	}
	return nil
}

// putImages stores what the ops replace: id, length of the record, record; no record for what did not exist.
func putImages(w *writes, run []byte, ops []*op) error {
	b := w.table(bucketImages)
	var packed bytes.Buffer
	z, err := flate.NewWriter(&packed, flate.BestSpeed)
	if err != nil {
		return err
	}
	var chunk []byte
	var n uint64
	flush := func() error {
		packed.Reset()
		z.Reset(&packed)
		if _, err := z.Write(chunk); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
		key := append(bytes.Clone(run), number(n)...)
		n, chunk = n+1, chunk[:0]
		return b.Put(key, bytes.Clone(packed.Bytes()))
	}
	for _, o := range ops {
		chunk = append(chunk, o.id[:]...)
		chunk = binary.AppendUvarint(chunk, uint64(len(o.before)))
		chunk = append(chunk, o.before...)
		if len(chunk) >= imageChunk {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if len(chunk) == 0 {
		return nil
	}
	return flush()
}

// RunBefore returns the entries that a run touched as they were before it, ordered by ID; nothing when none were kept. To undo the run, put
// those that existed and remove the others; Run.Seq is the Seq of those that nobody touched since. An error ends the sequence.
func (s *Store) RunBefore(runID string) iter.Seq2[Image, error] {
	return func(yield func(Image, error) bool) {
		connector, n, ok := parseRunID(runID)
		if !ok {
			yield(Image{}, notFound("run %q", runID))
			return
		}
		prefix := runKey(connector, n)
		var after []byte
		for {
			// A chunk is copied out, so that the caller may take its time and Apply.
			chunk, key, err := s.imageChunk(prefix, after)
			if err != nil {
				yield(Image{}, fmt.Errorf("run %s: %w", runID, err))
				return
			}
			if key == nil {
				return
			}
			after = key
			for image, err := range images(chunk) {
				if !yield(image, err) || err != nil {
					return
				}
			}
		}
	}
}

// imageChunk returns the unpacked chunk behind a key, and its key; nil at the end.
func (s *Store) imageChunk(prefix, after []byte) (chunk, key []byte, err error) {
	err = s.View(func(v *Snapshot) error {
		c := v.tx.Bucket(bucketImages).Cursor()
		from := prefix
		if after != nil {
			from = append(bytes.Clone(after), 0)
		}
		k, value := c.Seek(from)
		if k == nil || !bytes.HasPrefix(k, prefix) {
			return nil
		}
		key = bytes.Clone(k)
		chunk, err = unpack(value)
		return err
	})
	return chunk, key, err
}

func unpack(packed []byte) ([]byte, error) {
	chunk, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), maxImageChunk))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errImages, err)
	}
	return chunk, nil
}

// images takes a chunk apart.
func images(chunk []byte) iter.Seq2[Image, error] {
	return func(yield func(Image, error) bool) {
		for len(chunk) > 0 {
			var n uint64
			size := 0
			if len(chunk) > len(id{}) {
				n, size = binary.Uvarint(chunk[len(id{}):])
			}
			head := len(id{}) + size
			if size <= 0 || n > uint64(len(chunk)-head) {
				yield(Image{}, errImages)
				return
			}
			x := id(chunk)
			image := Image{Ref: x.ref(), Existed: n > 0}
			if n > 0 {
				var err error
				if image.Entry, err = decodeRecord(x, chunk[head:head+int(n)]); err != nil {
					yield(Image{}, fmt.Errorf("%w: %w", errImages, err))
					return
				}
			}
			if !yield(image, nil) {
				return
			}
			chunk = chunk[head+int(n):]
		}
	}
}
