package csv_test

import (
	"bytes"
	"context"
	"testing"
	"testing/iotest"

	"github.com/dialtree/dialtree/syncer/source/csv"
	"github.com/dialtree/dialtree/syncer/source/file"
	"github.com/dialtree/dialtree/syncer/source/sourcetest"
)

// memory is a file of these bytes. It gives one byte per Read where slow is set, to
// put every boundary between two reads.
type memory struct {
	data  []byte
	slow  bool
	fails error
	notes []string
}

func (m *memory) Name() string { return "test.csv" }

func (m *memory) Open(context.Context) (file.Content, error) {
	return &reading{m: m, Reader: bytes.NewReader(m.data)}, nil
}

type reading struct {
	m *memory
	*bytes.Reader
}

func (r *reading) Read(b []byte) (int, error) {
	if r.m.fails != nil && r.Len() == 0 {
		return 0, r.m.fails
	}
	if r.m.slow {
		return iotest.OneByteReader(r.Reader).Read(b)
	}
	return r.Reader.Read(b)
}

func (r *reading) Close() error    { return nil }
func (r *reading) Notes() []string { return r.m.notes }

// read returns what sourcetest.Rows does.
func read(t *testing.T, f file.Opener, o csv.Options) (rows, notes []string, err error) {
	t.Helper()
	s, err := csv.New(f, o)
	if err != nil {
		t.Fatal(err)
	}
	return sourcetest.Rows(t.Context(), s)
}
