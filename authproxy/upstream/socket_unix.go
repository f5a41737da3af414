//go:build unix

package upstream

import (
	"io"
	"syscall"
)

const canProbe = true

// readNow reads from a non-blocking descriptor without waiting.
func readNow(fd uintptr, b []byte) (int, error) {
	for {
		n, err := syscall.Read(int(fd), b)
		switch {
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return 0, errQuiet
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}
