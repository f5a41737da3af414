package csv_test

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/dialtree/dialtree/syncer/source/csv"
)

// memory is a file of these bytes. It gives one byte per Read where slow is set, to
// put every boundary between two reads.
type memory struct {
	data    []byte
	slow    bool
	changes bool // while it is read
	fails   error
}

func (m *memory) Name() string                             { return "test.csv" }
func (m *memory) Open(context.Context) (csv.Reader, error) { return &reading{m: m}, nil }

type reading struct {
	m     *memory
	r     *bytes.Reader
	asked int
}

func (r *reading) reader() *bytes.Reader {
	if r.r == nil {
		r.r = bytes.NewReader(r.m.data)
	}
	return r.r
}

func (r *reading) Read(b []byte) (int, error) {
	if r.m.fails != nil && r.reader().Len() == 0 {
		return 0, r.m.fails
	}
	if r.m.slow {
		return iotest.OneByteReader(r.reader()).Read(b)
	}
	return r.reader().Read(b)
}

func (r *reading) Seek(offset int64, whence int) (int64, error) {
	return r.reader().Seek(offset, whence)
}

func (r *reading) Close() error { return nil }

func (r *reading) State() (csv.State, error) {
	r.asked++
	s := csv.State{Size: int64(len(r.m.data))}
	if r.m.changes && r.asked > 1 {
		s.Size++
	}
	return s, nil
}

var _ io.ReadSeekCloser = (*reading)(nil)

// read returns the rows as text, values joined by "|" and problems in braces, and the first error.
func read(t *testing.T, f csv.File, o csv.Options) (rows, notes []string, err error) {
	t.Helper()
	s, err := csv.New(f, o)
	if err != nil {
		t.Fatal(err)
	}
	first := true
	for r, readErr := range s.Records(t.Context()) {
		if readErr != nil {
			err = readErr
			break
		}
		if first {
			rows, first = append(rows, strings.Join(r.Columns.Names(), "|")), false
		}
		var cells []string
		for _, v := range r.Values {
			cells = append(cells, strings.Join(v, "+"))
		}
		row := strings.Join(cells, "|")
		if r.Problem != nil {
			row += " {" + r.Problem.Column + ": " + r.Problem.Reason + "}"
		}
		rows = append(rows, row)
	}
	return rows, slices.Clone(s.Notes()), err
}
