package store

import (
	"bufio"
	"encoding/binary"
	"io"
)

// What nodes tell each other of their stores is a stream:
//
//	what it is: 'c' for a change, 's' for a whole content
//	the version of this format: 1
//	uvarint: the schema version that the content has when the stream was applied
//	any number of
//	    1, bucket, uvarint: length of the key, key, uvarint: length of the value, value    put
//	    2, bucket, uvarint: length of the key, key                                         delete
//	    3, bucket                                                                          create the bucket where there is none
//	    4, bucket, percent                                                                 leave pages that full when they split
//	0, uvarint: how many of these there were
//
// The numbers of buckets are those of layout.
const (
	streamChange  = 'c'
	streamContent = 's'
	streamFormat  = 1
)

// The kinds of what a stream holds.
const (
	deltaEnd = iota
	deltaPut
	deltaDelete
	deltaCreate
	deltaFill
)

// A noter writes a stream. After an error it writes nothing more.
type noter struct {
	w       *bufio.Writer
	ops     uint64
	err     error
	scratch []byte
}

// noteBuffer is what is handed on at a time.
const noteBuffer = 64 << 10

func newNoter(w io.Writer, what byte, schema uint64) *noter {
	n := &noter{w: bufio.NewWriterSize(w, noteBuffer)}
	n.write(binary.AppendUvarint([]byte{what, streamFormat}, schema))
	return n
}

func (n *noter) write(b []byte) {
	if n.err == nil {
		_, n.err = n.w.Write(b)
	}
}

func (n *noter) put(bucket byte, key, value []byte) {
	n.key(deltaPut, bucket, key)
	n.scratch = binary.AppendUvarint(n.scratch[:0], uint64(len(value)))
	n.write(n.scratch)
	n.write(value)
}

func (n *noter) delete(bucket byte, key []byte) { n.key(deltaDelete, bucket, key) }

func (n *noter) key(kind, bucket byte, key []byte) {
	n.ops++
	n.scratch = binary.AppendUvarint(append(n.scratch[:0], kind, bucket), uint64(len(key)))
	n.scratch = append(n.scratch, key...)
	n.write(n.scratch)
}

func (n *noter) create(bucket byte) {
	n.ops++
	n.write([]byte{deltaCreate, bucket})
}

func (n *noter) fill(bucket byte, percent float64) {
	n.ops++
	n.write([]byte{deltaFill, bucket, byte(percent*100 + 0.5)})
}

// end ends the stream and hands on what is left of it.
func (n *noter) end() error {
	n.write(binary.AppendUvarint([]byte{deltaEnd}, n.ops))
	if n.err == nil {
		n.err = n.w.Flush()
	}
	return n.err
}
