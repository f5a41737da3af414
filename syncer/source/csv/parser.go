package csv

import (
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"
)

// Bounds of a file. What exceeds them is not data but a missing enclosure or the wrong file.
const (
	maxField   = 1 << 20
	maxRow     = 4 << 20
	maxColumns = 1000
)

// lineEnds says what ends a row outside an enclosure.
type lineEnds uint8

const (
	endsAuto lineEnds = iota // what the first line break is
	endsLF                   // LF or CRLF
	endsCRLF                 // CRLF only: a single CR or LF is data
	endsCR                   // CR or CRLF
)

// A rowError is an error at a place in the file.
type rowError struct {
	row, column int
	message     string
}

func (e *rowError) Error() string {
	return fmt.Sprintf("row %d, column %d: %s", e.row, e.column, e.message)
}

// A parser splits text into rows of cells.
type parser struct {
	r         io.Reader
	delimiter []byte // one character
	enclosure []byte // one character; empty: none
	ends      lineEnds

	buf      []byte // what was read and not yet parsed is buf[pos:end]
	pos, end int
	err      error // of r

	// The row that next read.
	row   int    // its number, from 1, as a spreadsheet counts: line breaks inside cells do not
	text  []byte // of its cells, one after the other
	cells []int  // where each cell's text ends
	after int    // the first cell with text behind its closing enclosure, from 1; 0: none
}

func newParser(r io.Reader, delimiter, enclosure string, ends lineEnds) *parser {
	return &parser{r: r, delimiter: []byte(delimiter), enclosure: []byte(enclosure), ends: ends, buf: make([]byte, 64<<10)}
}

// next reads a row. It returns io.EOF behind the last one.
func (p *parser) next() error {
	p.text, p.cells, p.after = p.text[:0], p.cells[:0], 0
	if !p.have(1) {
		return p.err
	}
	p.row++
	for {
		if len(p.cells) == maxColumns {
			return &rowError{p.row, maxColumns + 1, fmt.Sprintf("there are more than %d columns: the delimiter or the line_separator is wrong", maxColumns)}
		}
		last, err := p.cell()
		if err != nil {
			return err
		}
		p.cells = append(p.cells, len(p.text))
		if last {
			return p.check()
		}
	}
}

// cell reads a cell and what ends it, and tells whether it was the row's last one.
func (p *parser) cell() (last bool, err error) {
	start := len(p.text)
	quoted := p.at(p.enclosure)
	if quoted {
		p.pos += len(p.enclosure)
		if err := p.enclosed(start); err != nil {
			return false, err
		}
	}
	closed := len(p.text)
	for {
		special := p.plain()
		if err := p.bounds(start); err != nil {
			return false, err
		}
		switch {
		case !special:
			if p.err != io.EOF {
				return false, p.err
			}
			last = true
		case p.at(p.delimiter):
			p.pos += len(p.delimiter)
		default:
			n := p.lineEnd()
			if n == 0 {
				p.text = append(p.text, p.buf[p.pos])
				p.pos++
				continue
			}
			p.pos += n
			last = true
		}
		if quoted && len(p.text) > closed && p.after == 0 {
			p.after = len(p.cells) + 1
		}
		return last, nil
	}
}

// plain reads up to a byte that may mean something; false at the end of the file.
func (p *parser) plain() bool {
	d := p.delimiter[0]
	for {
		window := p.buf[p.pos:p.end]
		for i, b := range window {
			if b == d || b == '\n' || b == '\r' {
				p.text = append(p.text, window[:i]...)
				p.pos += i
				return true
			}
		}
		p.text = append(p.text, window...)
		p.pos = p.end
		if len(p.text) > maxRow || !p.have(1) {
			return len(p.text) > maxRow
		}
	}
}

// enclosed reads up to and with the closing enclosure.
func (p *parser) enclosed(start int) error {
	column := len(p.cells) + 1
	for {
		window := p.buf[p.pos:p.end]
		i := bytes.IndexByte(window, p.enclosure[0])
		if i < 0 {
			i = len(window)
		}
		p.text = append(p.text, window[:i]...)
		p.pos += i
		if len(p.text)-start > maxField {
			return &rowError{p.row, column, fmt.Sprintf("the quoted field that begins here is longer than %d bytes: an enclosure is missing", maxField)}
		}
		if err := p.bounds(start); err != nil {
			return err
		}
		switch {
		case !p.have(1):
			if p.err != io.EOF {
				return p.err
			}
			return &rowError{p.row, column, "the quoted field that begins here never ends: the file is cut off or an enclosure is missing"}
		case i == len(window): // the window was at its end and has been filled
		case !p.at(p.enclosure): // another character that begins with the same byte
			p.text = append(p.text, p.buf[p.pos])
			p.pos++
		default:
			p.pos += len(p.enclosure)
			if !p.at(p.enclosure) {
				return nil
			}
			p.text = append(p.text, p.enclosure...)
			p.pos += len(p.enclosure)
		}
	}
}

// lineEnd returns the length of the line break at pos, 0 where there is data.
func (p *parser) lineEnd() int {
	cr := p.buf[p.pos] == '\r'
	if !cr && p.buf[p.pos] != '\n' {
		return 0
	}
	crlf := cr && p.have(2) && p.buf[p.pos+1] == '\n'
	if p.ends == endsAuto {
		p.ends = endsLF
		if cr && !crlf {
			p.ends = endsCR
		}
	}
	switch {
	case crlf:
		return 2
	case cr && (p.ends == endsCR || p.ends == endsLF && !p.have(2)), !cr && p.ends == endsLF:
		return 1
	}
	return 0
}

func (p *parser) bounds(start int) error {
	if len(p.text)-start > maxField {
		return &rowError{p.row, len(p.cells) + 1, fmt.Sprintf("the field is longer than %d bytes: the delimiter or the line_separator is wrong", maxField)}
	}
	if len(p.text) > maxRow {
		return &rowError{p.row, len(p.cells) + 1, fmt.Sprintf("the row is longer than %d bytes: an enclosure is missing or the line_separator is wrong", maxRow)}
	}
	return nil
}

// check finds bytes that no text has.
func (p *parser) check() error {
	if i := bytes.IndexByte(p.text, 0); i >= 0 {
		return &rowError{p.row, p.columnAt(i), "there is a NUL byte: the file is probably UTF-16: set encoding to utf-16le or utf-16be"}
	}
	start := 0
	if utf8.Valid(p.text) {
		// All cells together are. Half a character at the end of one and half at the
		// beginning of the next would make a whole one, too.
		whole := true
		for _, end := range p.cells {
			whole = whole && (end == len(p.text) || utf8.RuneStart(p.text[end]))
		}
		if whole {
			return nil
		}
	}
	for i, end := range p.cells {
		if !utf8.Valid(p.text[start:end]) {
			return &rowError{p.row, i + 1, "the text is not UTF-8: set encoding to windows-1252 or what the file was saved with, or to auto"}
		}
		start = end
	}
	return nil
}

func (p *parser) columnAt(offset int) int {
	for i, end := range p.cells {
		if offset < end {
			return i + 1
		}
	}
	return len(p.cells)
}

// empty tells whether no cell of the row holds anything but blanks.
func (p *parser) empty() bool { return len(bytes.TrimSpace(p.text)) == 0 }

// at tells whether c comes next; never for an empty c.
func (p *parser) at(c []byte) bool {
	return len(c) > 0 && p.have(len(c)) && bytes.Equal(p.buf[p.pos:p.pos+len(c)], c)
}

// ahead returns what comes next, as much as the buffer holds, and whether the text ends there.
func (p *parser) ahead() (text []byte, all bool) {
	all = !p.have(len(p.buf))
	return p.buf[p.pos:p.end], all
}

// cellText returns the text of cell i of the row.
func (p *parser) cellText(i int) []byte {
	if i == 0 {
		return p.text[:p.cells[0]]
	}
	return p.text[p.cells[i-1]:p.cells[i]]
}

// have makes at least n bytes lie in buf, unless the file ends before.
func (p *parser) have(n int) bool {
	for p.end-p.pos < n {
		if p.err != nil {
			return false
		}
		if p.pos > 0 {
			p.end = copy(p.buf, p.buf[p.pos:p.end])
			p.pos = 0
		}
		var m int
		m, p.err = p.r.Read(p.buf[p.end:])
		p.end += m
	}
	return true
}
