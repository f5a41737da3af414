//go:build !linux || !amd64

package diskfault

import "errors"

// Supported tells whether there is a tracer for this machine.
const Supported = false

func trace(string, []string) (int, error) {
	return 0, errors.New("system calls can be traced on Linux on amd64 only")
}
