package store

import (
	"bytes"
	"io"
	"testing"
)

// What can be read prints back as what is read the same.
func FuzzDelta(f *testing.F) {
	var w bytes.Buffer
	n := newNoter(&w, streamChange, 5)
	n.put(2, []byte("key"), []byte("value"))
	n.delete(3, []byte("k"))
	n.create(14)
	n.fill(11, 0.9)
	n.put(numberMeta, metaSeq, number(3))
	if err := n.end(); err != nil {
		f.Fatal(err)
	}
	f.Add(w.Bytes())
	f.Add([]byte{streamChange, streamFormat, 5, deltaPut, 2, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Add([]byte{streamChange, streamFormat, 5, deltaEnd, 0})
	f.Fuzz(func(t *testing.T, stream []byte) {
		first, ok := rewrite(t, stream)
		if !ok {
			return
		}
		second, ok := rewrite(t, first)
		if !ok || !bytes.Equal(first, second) {
			t.Errorf("%x, then %x", first, second)
		}
		if len(first) > len(stream) { // no number needs more than it had
			t.Errorf("%d bytes of %d", len(first), len(stream))
		}
	})
}

// rewrite reads a stream and writes it again; false where it cannot be read.
func rewrite(t *testing.T, stream []byte) ([]byte, bool) {
	d, err := readDelta(bytes.NewReader(stream), streamChange)
	if err != nil {
		return nil, false
	}
	var w bytes.Buffer
	n := newNoter(&w, streamChange, d.schema)
	for {
		var x delta
		err := d.next(&x)
		if err == io.EOF {
			err = n.end()
			return w.Bytes(), err == nil
		}
		if err != nil {
			return nil, false
		}
		switch x.kind {
		case deltaPut:
			n.put(x.bucket, x.key, x.value)
		case deltaDelete:
			n.delete(x.bucket, x.key)
		case deltaCreate:
			n.create(x.bucket)
		case deltaFill:
			n.fill(x.bucket, x.percent)
		}
	}
}
