package csv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A File is where the bytes come from.
type File interface {
	// Name is what messages call the file.
	Name() string
	// Open opens the file for one reading. Its error is a sentence with the name.
	Open(ctx context.Context) (Reader, error)
}

// A Reader is an open file. It is read from its beginning, once or twice.
type Reader interface {
	io.ReadSeekCloser
	// State tells how the file is now, to notice that it changes while it is read.
	State() (State, error)
}

// A State changes when a file is written.
type State struct {
	Size     int64
	Modified time.Time
}

// LocalFile is a file of this machine; a relative path starts at dir.
func LocalFile(dir, path string) File {
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	return localFile(path)
}

type localFile string

func (f localFile) Name() string { return string(f) }

func (f localFile) Open(context.Context) (Reader, error) {
	// Before opening: opening a named pipe waits for its writer.
	info, err := os.Stat(string(f))
	switch {
	case err != nil:
		return nil, openError(string(f), err)
	case info.IsDir():
		return nil, fmt.Errorf("%s is a directory: name the file in it", f)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", f)
	}
	file, err := os.Open(string(f))
	if err != nil {
		return nil, openError(string(f), err)
	}
	return openFile{file}, nil
}

// openError says what to do about a file that cannot be opened.
func openError(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s does not exist: check the path, and that the share or disk it is on is mounted", path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s may not be read: give the user that runs dialtree read access to it", path)
	}
	var cause *fs.PathError
	if errors.As(err, &cause) {
		err = cause.Err // without the path, which is there already
	}
	return fmt.Errorf("%s cannot be opened: %w", path, err)
}

type openFile struct{ *os.File }

func (f openFile) State() (State, error) {
	info, err := f.Stat()
	if err != nil {
		return State{}, err
	}
	return State{Size: info.Size(), Modified: info.ModTime()}, nil
}
