package syncer

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/dialtree/dialtree/syncer/source/file"
)

// A fetchedFile is a file that can be looked at before a source reads it: fetch keeps for the next Open what it fetched, so that
// both see the same.
type fetchedFile struct {
	file.Opener
	content file.Content      // fetched but not opened yet
	sum     [sha256.Size]byte // of what was fetched last
	noted   []string          // while it was fetched
}

// fetch fetches the file and returns its sum.
func (f *fetchedFile) fetch(ctx context.Context) ([sha256.Size]byte, error) {
	f.close()
	content, err := f.Opener.Open(ctx)
	if err != nil {
		return f.sum, err
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(content, 0, content.Size())); err != nil {
		content.Close() // read only: closing loses nothing
		return f.sum, fmt.Errorf("%s: read the copy: %w", f.Name(), err)
	}
	f.content, f.sum, f.noted = content, [sha256.Size]byte(h.Sum(nil)), content.Notes()
	return f.sum, nil
}

// Open implements file.Opener.
func (f *fetchedFile) Open(ctx context.Context) (file.Content, error) {
	if f.content == nil {
		if _, err := f.fetch(ctx); err != nil {
			return nil, err
		}
	}
	content := f.content
	f.content = nil
	return content, nil
}

// close lets go of what was fetched and never opened.
func (f *fetchedFile) close() {
	if f.content != nil {
		f.content.Close() // read only: closing loses nothing
		f.content = nil
	}
}
