package csv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dialtree/dialtree/syncer/source"
	"github.com/dialtree/dialtree/syncer/source/file"
)

// Options say how a file is to be read.
type Options struct {
	Encoding      string // auto, utf-8, utf-16le, utf-16be, iso-8859-1, iso-8859-15, windows-1252, cp850 or macintosh; empty: utf-8
	Delimiter     string // one character, or auto; empty: ","
	LineSeparator string // auto, lf, crlf or cr; empty: auto
	Enclosure     string // one character, or none; empty: `"`
	NoHeader      bool   // the first row is a record, and the columns are called 1, 2, 3, ...
}

// An OptionError says which option is wrong.
type OptionError struct {
	Option  string // as in the configuration: encoding, delimiter, line_separator or enclosure
	Message string
}

func (e *OptionError) Error() string { return e.Option + ": " + e.Message }

// A Source is a CSV file.
type Source struct {
	file      file.Opener
	encoding  string
	delimiter string // auto, or one character
	enclosure string // empty: none
	ends      lineEnds
	header    bool
	notes     []string
}

var _ source.Source = (*Source)(nil)

// New checks the options and touches nothing.
func New(file file.Opener, o Options) (*Source, error) {
	s := &Source{file: file, header: !o.NoHeader}
	s.encoding = orDefault(o.Encoding, utf8n)
	if _, ok := encodings(s.encoding); !ok && s.encoding != auto {
		return nil, &OptionError{"encoding", fmt.Sprintf("%q is not known: write auto, utf-8, utf-16le, utf-16be, iso-8859-1, iso-8859-15, windows-1252, cp850 or macintosh", o.Encoding)}
	}
	s.delimiter = orDefault(o.Delimiter, ",")
	if s.delimiter != auto && !isCharacter(s.delimiter) {
		return nil, &OptionError{"delimiter", fmt.Sprintf("%q is not one character: write it, or auto", o.Delimiter)}
	}
	s.enclosure = orDefault(o.Enclosure, `"`)
	switch {
	case s.enclosure == "none":
		s.enclosure = ""
	case !isCharacter(s.enclosure):
		return nil, &OptionError{"enclosure", fmt.Sprintf("%q is not one character: write it, or none", o.Enclosure)}
	case s.enclosure == s.delimiter:
		return nil, &OptionError{"enclosure", "is the delimiter, too: they must differ"}
	}
	ends, ok := map[string]lineEnds{"": endsAuto, auto: endsAuto, "lf": endsLF, "crlf": endsCRLF, "cr": endsCR}[o.LineSeparator]
	if !ok {
		return nil, &OptionError{"line_separator", fmt.Sprintf("%q is not auto, lf, crlf or cr", o.LineSeparator)}
	}
	s.ends = ends
	return s, nil
}

func orDefault(s, byDefault string) string {
	if s == "" {
		return byDefault
	}
	return s
}

func isCharacter(s string) bool {
	c, size := utf8.DecodeRuneInString(s)
	return size == len(s) && c != utf8.RuneError && c != '\n' && c != '\r' && c != 0
}

// Notes implements source.Source.
func (s *Source) Notes() []string { return s.notes }

// Records implements source.Source.
func (s *Source) Records(ctx context.Context) iter.Seq2[source.Record, error] {
	return file.Records(ctx, s.file, &s.notes, s.read)
}

// read yields the records of a file, and false when the caller wants no more.
func (s *Source) read(ctx context.Context, content file.Content, yield func(source.Record, error) bool) (more bool, err error) {
	if content.Size() == 0 {
		return true, errors.New("the file is empty")
	}
	p, err := s.open(ctx, content)
	if err != nil {
		return true, err
	}
	return s.rows(p, yield)
}

// open finds out what auto stands for.
func (s *Source) open(ctx context.Context, content file.Content) (*parser, error) {
	text, found, err := decoded(cancelled{ctx, content}, s.encoding)
	if err != nil {
		return nil, err
	}
	if found != "" {
		s.note("the encoding is %s", found)
	}
	p := newParser(text, candidates[0], s.enclosure, s.ends)
	start, all := p.ahead()
	delimiter, length := excelDelimiter(start)
	if length > 0 {
		s.note("the first line, %q, is Excel's way to name the delimiter and not a row", strings.TrimSpace(string(start[:length])))
		p.pos += length
		p.row++
		start = start[length:]
	}
	switch {
	case s.delimiter != auto:
		delimiter = s.delimiter
	case delimiter == "" || delimiter == s.enclosure:
		var sure bool
		if delimiter, sure = guessDelimiter(start, all, s.enclosure, s.ends); sure {
			s.note("the delimiter is %q", delimiter)
		} else {
			s.note("no delimiter was found: each row is one cell")
		}
	}
	p.delimiter = []byte(delimiter)
	return p, nil
}

// rows yields the records, and false when the caller wants no more.
func (s *Source) rows(p *parser, yield func(source.Record, error) bool) (more bool, err error) {
	var r record
	for {
		err := p.next()
		switch {
		case err == io.EOF && r.columns == nil:
			return true, errors.New("the file holds no rows")
		case err == io.EOF && r.count == 0:
			return true, errors.New("the file has a header but no rows below it" + s.lineBreakHint(r.columns))
		case err == io.EOF:
			return true, nil
		case err != nil:
			return true, err
		case p.empty():
			continue
		}
		if r.columns == nil {
			s.begin(p, &r)
			if s.header {
				continue
			}
		}
		r.count++
		if !yield(r.from(p), nil) {
			return false, nil
		}
	}
}

// begin makes the columns from the first row.
func (s *Source) begin(p *parser, r *record) {
	names := make([]string, len(p.cells))
	for i := range names {
		names[i] = strconv.Itoa(i + 1)
		if s.header {
			names[i] = string(p.cellText(i))
		}
	}
	var notes []string
	r.columns, notes = source.NewColumns(names)
	s.notes = append(s.notes, notes...)
	if len(names) > 1 {
		return
	}
	for _, c := range candidates {
		if s.header && string(p.delimiter) != c && strings.Contains(names[0], c) {
			s.note("the header is one column, %q: is the delimiter %q?", names[0], c)
		}
	}
}

// lineBreakHint helps where a wrong line separator made one row of the whole file.
func (s *Source) lineBreakHint(c *source.Columns) string {
	if s.ends == endsAuto {
		return ""
	}
	for i := range c.Len() {
		if strings.ContainsAny(c.Name(i), "\r\n") {
			return ": there are line breaks in the header: set line_separator to auto"
		}
	}
	return ""
}

func (s *Source) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

// cancelled is a file that cannot be read any more once the context has ended.
type cancelled struct {
	ctx context.Context
	io.ReadSeeker
}

func (c cancelled) Read(b []byte) (int, error) {
	if err := context.Cause(c.ctx); err != nil {
		return 0, err
	}
	return c.ReadSeeker.Read(b)
}
