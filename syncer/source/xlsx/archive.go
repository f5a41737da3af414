package xlsx

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Bounds of a file. What exceeds them is not a list of people.
const (
	// MaxFile bounds the file in bytes.
	MaxFile   = 64 << 20
	maxParts  = 2000
	maxMemory = 64 << 20  // unpacked, of all parts but the next
	maxSheets = 512 << 20 // unpacked, of the sheets and their texts, which are read from a disk
	// lastColumn is the 1,000th: what lies beyond is not a list.
	lastColumn = "ALL"
)

// checked tells of an archive that can be trusted.
type checked struct {
	formulas int // without a result
}

// check refuses what is no xlsx file, is damaged, or would not fit.
func check(ctx context.Context, r io.ReaderAt, size int64) (checked, error) {
	var c checked
	if size > MaxFile {
		return c, fmt.Errorf("the file is longer than %d MiB: is it the right one?", MaxFile>>20)
	}
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return c, notArchive(r, err)
	}
	if len(archive.File) > maxParts {
		return c, fmt.Errorf("the file has more than %d parts: it is not a list", maxParts)
	}
	var memory, sheets uint64
	for _, part := range archive.File {
		sum, limit := &memory, uint64(maxMemory)
		if isStreamed(part.Name) {
			sum, limit = &sheets, maxSheets
		}
		// Each alone, since a sum could overflow.
		if part.UncompressedSize64 > limit || *sum+part.UncompressedSize64 > limit {
			return c, fmt.Errorf("the file unpacks to more than %d MiB: copy the list into a new one", limit>>20)
		}
		*sum += part.UncompressedSize64
	}
	for _, part := range archive.File {
		if err := c.read(ctx, part); err != nil {
			return c, err
		}
	}
	return c, nil
}

// notArchive says what it is then, as far as its beginning tells.
func notArchive(r io.ReaderAt, err error) error {
	head := make([]byte, 8)
	n, _ := r.ReadAt(head, 0) // what there is
	switch head = head[:n]; {
	case n == 0:
		return errors.New("the file is empty")
	case bytes.HasPrefix(head, []byte("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1")):
		return errors.New("the file is protected with a password or is an old .xls file: save it as .xlsx without a password")
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return fmt.Errorf("the file is damaged or cut off: %w", err)
	}
	return errors.New("the file is not an xlsx file: if it is CSV, read it as csv")
}

// A boundError says what there is too much of in a file that is sound.
type boundError string

func (e boundError) Error() string { return string(e) }

// isStreamed tells of which parts the library keeps long ones on a disk. The names are those of its own check.
func isStreamed(name string) bool {
	name = strings.ToLower(strings.ReplaceAll(name, `\`, "/"))
	return name == "xl/sharedstrings.xml" || isSheet(name)
}

func isSheet(name string) bool { return strings.HasPrefix(name, "xl/worksheets/sheet") }

// read reads a part to its end, where its length and checksum are compared.
func (c *checked) read(ctx context.Context, part *zip.File) error {
	in, err := part.Open()
	if err != nil {
		return fmt.Errorf("the file is damaged in %s: %w", part.Name, err)
	}
	defer in.Close() // read only
	text := cancelled{ctx, in}
	if isSheet(strings.ToLower(part.Name)) {
		err = c.readSheet(text)
	}
	if err == nil {
		_, err = io.Copy(io.Discard, text)
	}
	var bound boundError
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &bound):
		return bound
	case err != nil:
		return fmt.Errorf("the file is damaged in %s: %w: open it in Excel and save it again", part.Name, err)
	}
	return nil
}

// readSheet reads the XML of a sheet, which the library would take for complete wherever a mistake in it is.
func (c *checked) readSheet(text io.Reader) error {
	d := xml.NewDecoder(text)
	depth, row := 0, "1"
	var cell struct {
		far, formula, value bool
	}
	for {
		token, err := d.RawToken()
		switch {
		case err == io.EOF && depth == 0:
			return nil
		case err == io.EOF:
			return fmt.Errorf("behind row %s: %w", row, io.ErrUnexpectedEOF)
		case err != nil:
			return fmt.Errorf("behind row %s: %w", row, err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			depth++
			switch t.Name.Local {
			case "row":
				row = attribute(&t, "r", row)
			case "c":
				cell.far, cell.formula, cell.value = isFar(attribute(&t, "r", "")), false, false
			case "f":
				cell.formula = true
			case "v", "is":
				cell.value = true
			}
		case xml.EndElement:
			depth--
			switch {
			case t.Name.Local != "c":
			case cell.far && (cell.value || cell.formula):
				return boundError("there are cells beyond the 1,000th column, near row " + row + ": delete them")
			case cell.formula && !cell.value:
				c.formulas++
			}
		}
	}
}

// isFar tells a cell such as ALM7, which is beyond the last column.
func isFar(cell string) bool {
	column := strings.ToUpper(strings.TrimRight(cell, "0123456789"))
	return len(column) > len(lastColumn) || len(column) == len(lastColumn) && column > lastColumn
}

func attribute(e *xml.StartElement, name, byDefault string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return byDefault
}

// cancelled is a reader that fails once the context has ended.
type cancelled struct {
	ctx context.Context
	io.Reader
}

func (c cancelled) Read(b []byte) (int, error) {
	if err := context.Cause(c.ctx); err != nil {
		return 0, err
	}
	return c.Reader.Read(b)
}
