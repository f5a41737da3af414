package admin

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"iter"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/csvcell"
)

// A logFile is how a log of the store is written to a file, as CSV or as a line of JSON for each record.
type logFile[T any] struct {
	name   string
	header []string
	row    func(*T) []string
}

// send writes a whole log. What cannot be read cuts the file off: its client sees that it did not end well.
func (f *logFile[T]) send(s *Server, hc huma.Context, format string, records iter.Seq2[T, error]) {
	mime, extension, write := "text/csv; charset=utf-8", "csv", f.csv
	if format == "json" {
		mime, extension, write = "application/jsonl", "jsonl", f.json
	}
	hc.SetHeader("Content-Type", mime)
	hc.SetHeader("Content-Disposition", `attachment; filename="dialtree-`+f.name+"."+extension+`"`)
	hc.SetHeader("X-Content-Type-Options", "nosniff")
	hc.SetStatus(http.StatusOK)
	b := bufio.NewWriterSize(hc.BodyWriter(), 32<<10)
	err := write(b, untilEnd(hc.Context(), records))
	if err == nil {
		err = b.Flush()
	}
	if err != nil {
		s.log.Warn("a log was not sent to its end", "file", f.name, "error", err)
		panic(http.ErrAbortHandler)
	}
}

// untilEnd ends records with an error once the context has ended.
func untilEnd[T any](ctx context.Context, records iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for r, err := range records {
			if err == nil {
				err = ctx.Err()
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

func (f *logFile[T]) json(w io.Writer, records iter.Seq2[T, error]) error {
	enc := json.NewEncoder(w)
	for r, err := range records {
		if err == nil {
			err = enc.Encode(r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *logFile[T]) csv(w io.Writer, records iter.Seq2[T, error]) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write(f.header); err != nil {
		return err
	}
	for r, err := range records {
		if err != nil {
			return err
		}
		row := f.row(&r)
		for i := range row {
			row[i] = csvcell.Escape(row[i])
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
