package cluster

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

const (
	// partBytes is what one piece holds before it is sealed. etcd refuses requests of more than 1.5 MiB as it comes.
	partBytes = 768 << 10
	// inlineBytes is how large a sealed change may be to go into the transaction that commits it.
	inlineBytes = 256 << 10
	// windowBytes is how far back zstd looks, and with it what compressing and decompressing take of memory: 2 % more bytes than with 8 MiB, and an eighth of the memory.
	windowBytes = 1 << 20
)

var errTooMuch = fmt.Errorf("the change is larger than %d MiB when it is compressed: make it in several", maxParts*partBytes>>20)

// A packer compresses what is written to it, cuts it into pieces and hands them out.
type packer struct {
	zstd  *zstd.Encoder
	sum   hash.Hash // of what was written
	plain int64
	piece []byte
	parts int
	limit int                             // bytes of a piece
	emit  func(n int, piece []byte) error // the piece is its own from then on
}

// A packery keeps compressors for the next change: making one costs more than compressing an edit.
type packery struct {
	part, inline       int // partBytes and inlineBytes; tests have smaller ones
	encoders, decoders sync.Pool
}

func (y *packery) packer(emit func(int, []byte) error) (*packer, error) {
	p := &packer{sum: sha256.New(), limit: y.part, emit: emit}
	if e, ok := y.encoders.Get().(*zstd.Encoder); ok {
		e.Reset((*cutter)(p))
		p.zstd = e
		return p, nil
	}
	var err error
	p.zstd, err = zstd.NewWriter((*cutter)(p), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(windowBytes), zstd.WithLowerEncoderMem(true), zstd.WithZeroFrames(true), zstd.WithEncoderCRC(false))
	return p, err
}

func (p *packer) Write(b []byte) (int, error) {
	p.sum.Write(b)
	p.plain += int64(len(b))
	return p.zstd.Write(b)
}

// finish hands out the last piece.
func (p *packer) finish() error {
	if err := p.zstd.Close(); err != nil {
		return err
	}
	return (*cutter)(p).cut()
}

// free gives the compressor back.
func (y *packery) free(p *packer) {
	if p.zstd != nil {
		p.zstd.Reset(nil)
		y.encoders.Put(p.zstd)
		p.zstd = nil
	}
}

// A cutter is the packer behind the compressor.
type cutter packer

func (c *cutter) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		m := min(len(b), c.limit-len(c.piece))
		c.piece = append(c.piece, b[:m]...)
		b = b[m:]
		if len(c.piece) == c.limit {
			if err := c.cut(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

func (c *cutter) cut() error {
	if len(c.piece) == 0 {
		return nil
	}
	if c.parts == maxParts {
		return errTooMuch
	}
	piece := c.piece
	c.piece = nil
	c.parts++
	return c.emit(c.parts-1, piece)
}

// errUnverified means that something opened and yet is not what its record says: it was moved, or belongs to another history.
var errUnverified = errors.New("is not the content that belongs there")

// A unpacker decompresses pieces. It gives nothing of the last 64 KiB before all was verified, so that nobody acts on all of it in vain.
type unpacker struct {
	packery *packery
	zstd    *zstd.Decoder
	next    func() ([]byte, error) // the next piece, opened; io.EOF after the last
	piece   []byte
	sum     hash.Hash
	left    int64 // of plain bytes
	ready   []byte
	buf     []byte
	check   func(sum []byte) bool
	checked bool
	err     error // why it ended
}

func (y *packery) unpacker(plain int64, next func() ([]byte, error), check func([]byte) bool) (*unpacker, error) {
	u := &unpacker{packery: y, next: next, sum: sha256.New(), left: plain, check: check, buf: make([]byte, min(plain, 64<<10))}
	if d, ok := y.decoders.Get().(*zstd.Decoder); ok {
		u.zstd = d
		return u, d.Reset((*pieces)(u))
	}
	var err error
	u.zstd, err = zstd.NewReader((*pieces)(u), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20), zstd.WithDecoderLowmem(true))
	return u, err
}

func (u *unpacker) Read(b []byte) (int, error) {
	if len(u.ready) == 0 && u.err == nil {
		u.err = u.fill()
	}
	if len(u.ready) == 0 && u.err != nil {
		return 0, u.err
	}
	n := copy(b, u.ready)
	u.ready = u.ready[n:]
	return n, nil
}

func (u *unpacker) fill() error {
	if u.left == 0 && u.checked {
		return io.EOF
	}
	n, err := io.ReadFull(u.zstd, u.buf[:min(u.left, int64(len(u.buf)))])
	if err != nil {
		return u.cause(err)
	}
	u.sum.Write(u.buf[:n])
	if u.left -= int64(n); u.left == 0 {
		var more [1]byte
		if m, err := u.zstd.Read(more[:]); m > 0 || err != io.EOF {
			return u.cause(err)
		}
		if u.checked = u.check(u.sum.Sum(nil)); !u.checked {
			return errUnverified
		}
	}
	u.ready = u.buf[:n]
	if n == 0 {
		return io.EOF
	}
	return nil
}

// cause tells trouble with fetching a piece from content that does not decompress.
func (u *unpacker) cause(err error) error {
	var f *fetchError
	if errors.As(err, &f) {
		return f.err
	}
	return errUnverified
}

func (u *unpacker) free() {
	if u.zstd != nil && u.zstd.Reset(nil) == nil {
		u.packery.decoders.Put(u.zstd)
	}
	u.zstd = nil
}

// A fetchError passes through the decompressor.
type fetchError struct{ err error }

func (e *fetchError) Error() string { return e.err.Error() }

// pieces are the unpacker before the decompressor.
type pieces unpacker

func (p *pieces) Read(b []byte) (int, error) {
	for len(p.piece) == 0 {
		piece, err := p.next()
		if err == io.EOF {
			return 0, io.EOF
		}
		if err != nil {
			return 0, &fetchError{err}
		}
		p.piece = piece
	}
	n := copy(b, p.piece)
	p.piece = p.piece[n:]
	return n, nil
}
