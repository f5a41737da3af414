//go:build unix

package resources

import (
	"math"
	"syscall"
)

// descriptorLimit is how many descriptors the process may have; 0 for no limit.
func descriptorLimit() int {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil || r.Cur > math.MaxInt32 {
		return 0
	}
	return int(r.Cur)
}
