package store

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The bounds of what a stream may hold: bbolt's for a key, and for a value the largest that a store writes, the two million references of a change.
const (
	maxDeltaKey   = 32 << 10
	maxDeltaValue = 128 << 20
	// readAhead is how much is made room for because a length says so.
	readAhead = 1 << 20
)

// A delta is one of a stream.
type delta struct {
	kind, bucket byte
	key, value   []byte // valid until the next
	percent      float64
}

// A deltaReader takes a stream apart.
type deltaReader struct {
	r          *bufio.Reader
	schema     uint64 // that the content has behind it
	ops        uint64
	key, value []byte
	buckets    [256][]byte // by their numbers
}

var errStream = errors.New("it is not what another node's store wrote")

// readDelta begins to read a stream.
func readDelta(r io.Reader, what byte) (*deltaReader, error) {
	d := &deltaReader{r: bufio.NewReaderSize(r, noteBuffer)}
	var head [2]byte
	if _, err := io.ReadFull(d.r, head[:]); err != nil {
		return nil, streamError(err)
	}
	if head[0] != what {
		return nil, fmt.Errorf("%w: it begins with %#x", errStream, head[0])
	}
	if head[1] != streamFormat {
		return nil, fmt.Errorf("%w: its format has the unknown version %d: upgrade this node", errStream, head[1])
	}
	for _, b := range layout() {
		d.buckets[b.number] = b.name
	}
	d.buckets[0] = nil // who has none shares nothing
	var err error
	d.schema, err = binary.ReadUvarint(d.r)
	return d, streamError(err)
}

// streamError tells a stream that ends too early from a reader that fails.
func streamError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it was cut off", errStream)
	}
	return err
}

// next reads what comes next. Its error is io.EOF behind the end.
func (d *deltaReader) next(x *delta) (err error) {
	*x = delta{}
	if x.kind, err = d.r.ReadByte(); err != nil {
		return streamError(err)
	}
	if x.kind == deltaEnd {
		return d.end()
	}
	d.ops++
	if x.bucket, err = d.r.ReadByte(); err != nil {
		return streamError(err)
	}
	if d.buckets[x.bucket] == nil {
		return fmt.Errorf("%w: there is no bucket %d", errStream, x.bucket)
	}
	switch x.kind {
	case deltaPut:
		if x.key, err = d.readKey(x.bucket); err != nil {
			return err
		}
		d.value, err = d.bytes(d.value, maxDeltaValue)
		x.value = d.value
		return err
	case deltaDelete:
		x.key, err = d.readKey(x.bucket)
		return err
	case deltaCreate:
		return nil
	case deltaFill:
		return d.readFill(x)
	}
	return fmt.Errorf("%w: there is no kind %d", errStream, x.kind)
}

func (d *deltaReader) end() error {
	n, err := binary.ReadUvarint(d.r)
	if err != nil {
		return streamError(err)
	}
	if n != d.ops {
		return fmt.Errorf("%w: %d writes of %d are there", errStream, d.ops, n)
	}
	if _, err := d.r.ReadByte(); err == nil {
		return fmt.Errorf("%w: something follows its end", errStream)
	} else if err != io.EOF {
		return err
	}
	return io.EOF
}

func (d *deltaReader) readKey(bucket byte) (_ []byte, err error) {
	d.key, err = d.bytes(d.key, maxDeltaKey)
	switch {
	case err != nil:
		return nil, err
	case len(d.key) == 0:
		return nil, fmt.Errorf("%w: a key is empty", errStream)
	case bucket == numberMeta && !sharedMeta(d.key):
		return nil, fmt.Errorf("%w: the key %q is each node's own", errStream, d.key)
	}
	return d.key, nil
}

func (d *deltaReader) readFill(x *delta) error {
	percent, err := d.r.ReadByte()
	if err != nil {
		return streamError(err)
	}
	if percent < 10 || percent > 100 {
		return fmt.Errorf("%w: pages cannot be left %d %% full", errStream, percent)
	}
	x.percent = float64(percent) / 100
	return nil
}

// bytes reads a length and as many bytes into a buffer. What the length says is believed as far as the bytes come.
func (d *deltaReader) bytes(buffer []byte, most uint64) ([]byte, error) {
	n, err := binary.ReadUvarint(d.r)
	if err != nil {
		return nil, streamError(err)
	}
	if n > most {
		return nil, fmt.Errorf("%w: something has %d bytes", errStream, n)
	}
	buffer = buffer[:0]
	for left := int(n); left > 0; {
		step := min(left, readAhead)
		start := len(buffer)
		if cap(buffer)-start < step {
			buffer = append(make([]byte, 0, max(2*cap(buffer), start+step)), buffer...)
		}
		buffer = buffer[:start+step]
		if _, err := io.ReadFull(d.r, buffer[start:]); err != nil {
			return nil, streamError(err)
		}
		left -= step
	}
	return buffer, nil
}
