package source

import "errors"

// Temporary marks an error that may be gone in a few minutes without anybody doing something: a server that does not answer or is
// busy, a file that is being written. A wrong password or a missing column is none. A run that is scheduled tries again.
func Temporary(err error) error {
	if err == nil {
		return nil
	}
	return &temporaryError{err}
}

// IsTemporary tells whether an error was marked as one that may pass by itself.
func IsTemporary(err error) bool {
	var t *temporaryError
	return errors.As(err, &t)
}

type temporaryError struct{ err error }

func (e *temporaryError) Error() string { return e.err.Error() }
func (e *temporaryError) Unwrap() error { return e.err }
