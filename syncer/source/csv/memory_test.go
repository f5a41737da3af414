package csv_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/dialtree/dialtree/syncer/source/csv"
	"github.com/dialtree/dialtree/syncer/source/file"
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

// read returns the rows as text, values joined by "|" and problems in braces, and the first error.
func read(t *testing.T, f file.Opener, o csv.Options) (rows, notes []string, err error) {
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
