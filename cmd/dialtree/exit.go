package main

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// The exit codes of every command.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitStopped = 3 // by a guard
)

// A usageError is a command line that makes no sense.
type usageError struct {
	command string // such as "dialtree apply"
	err     error
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// errFailed is a failure whose output has already said what failed.
var errFailed = errors.New("failed")

// errStopped is a run that a guard stopped, as its output has said.
var errStopped = errors.New("stopped by a guard")

// exitCode tells an error to people and returns the process's exit code.
func exitCode(err error, stderr io.Writer) int {
	var usage *usageError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errStopped):
		return exitStopped
	case errors.Is(err, errFailed):
		return exitFailed
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "dialtree: %v\nRun `%s --help` for examples.\n", err, usage.command)
		return exitUsage
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "dialtree: interrupted")
	case documentMistakes(err):
		fmt.Fprintln(stderr, err)
	default:
		fmt.Fprintf(stderr, "dialtree: %v\n", err)
	}
	return exitFailed
}
