package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Local is a file of this machine; a relative path starts at dir.
func Local(dir, path string) Place {
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	return local(path)
}

type local string

func (l local) Name() string { return string(l) }

func (l local) Open(context.Context) (Stream, error) {
	// Before opening: opening a named pipe waits for its writer.
	info, err := os.Stat(string(l))
	switch {
	case err != nil:
		return nil, openError(string(l), err)
	case info.IsDir():
		return nil, fmt.Errorf("%s is a directory: name the file in it", l)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", l)
	}
	f, err := os.Open(string(l))
	if err != nil {
		return nil, openError(string(l), err)
	}
	return localStream{f}, nil
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

type localStream struct{ *os.File }

func (s localStream) State() (State, error) {
	info, err := s.Stat()
	if err != nil {
		return State{}, err
	}
	return State{Size: info.Size(), Modified: info.ModTime()}, nil
}

func (localStream) Notes() []string { return nil }
