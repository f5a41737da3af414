//go:build unix

package admin

import "syscall"

// diskSpace returns the bytes that are free for this process where a directory lies, and all of them.
func diskSpace(dir string) (free, all int64, err error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), int64(s.Blocks) * int64(s.Bsize), nil
}
