//go:build !(linux && amd64)

package clock

import (
	"errors"
	"time"
)

// A Clock is the time of day of one process.
type Clock struct{}

// Of fails here.
func Of(int) (*Clock, error) {
	return nil, errors.New("the clock of one process can be set on Linux for amd64 only")
}

// Set fails here.
func (*Clock) Set(time.Duration) error {
	return errors.New("the clock of one process can be set on Linux for amd64 only")
}
