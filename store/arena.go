package store

import "bytes"

// An arena keeps many small byte strings in a few large pieces: a hundred thousand small ones cost the collector more
// than writing them to the file.
type arena struct{ piece []byte }

// The sizes of an arena's pieces, which double.
const (
	minPiece = 4 << 10
	maxPiece = 1 << 20
)

// keep returns a copy of b.
func (a *arena) keep(b []byte) []byte {
	if len(b) > cap(a.piece)-len(a.piece) {
		size := min(max(2*cap(a.piece), minPiece), maxPiece)
		if len(b) > size/4 {
			return bytes.Clone(b)
		}
		a.piece = make([]byte, 0, size)
	}
	start := len(a.piece)
	a.piece = append(a.piece, b...)
	return a.piece[start:len(a.piece):len(a.piece)]
}
