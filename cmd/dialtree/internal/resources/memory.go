package resources

import (
	"math"
	"os"
	"path"
	"strconv"
	"strings"
)

// MemoryOf returns how many bytes the control groups of this process allow it; 0 for no limit.
func MemoryOf() int64 {
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return 0 // not Linux, or no /proc
	}
	return memoryLimit(string(groups), func(file string) string {
		text, err := os.ReadFile("/sys/fs/cgroup" + file)
		if err != nil {
			return ""
		}
		return string(text)
	})
}

// ForGo is what the runtime may use of a limit (GOMEMLIMIT): four fifths. The rest is for what it does not
// count and the group does: the buffers of sockets, a few KiB for each connection, and the pages of the
// store that are being written.
func ForGo(limit int64) int64 { return limit / 5 * 4 }

// memoryLimit takes the text of /proc/self/cgroup (cgroups(7)), and reads files below /sys/fs/cgroup. The
// smallest limit of a group and of those that it lies in counts. In a container the path may be one of the host's,
// while the mount shows the container's group alone; what is not there is passed over, down to the root.
func memoryLimit(groups string, read func(file string) string) int64 {
	least := int64(math.MaxInt64)
	for line := range strings.Lines(groups) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		var roots []string
		name := "memory.max"
		switch {
		case fields[0] == "0" && fields[1] == "":
			roots = []string{"", "/unified"} // the second one beside version 1
		case contains(fields[1], "memory"):
			roots, name = []string{"/memory"}, "memory.limit_in_bytes"
		}
		for _, root := range roots {
			for at := path.Clean("/" + fields[2]); ; at = path.Dir(at) {
				if n, err := strconv.ParseInt(strings.TrimSpace(read(path.Join(root, at, name))), 10, 64); err == nil && n > 0 {
					least = min(least, n)
				}
				if at == "/" {
					break
				}
			}
		}
	}
	// Version 1 says "no limit" with the largest number of whole pages.
	if least >= math.MaxInt64-1<<20 {
		return 0
	}
	return least
}

// contains tells whether a controller is in a list such as "cpu,cpuacct".
func contains(list, controller string) bool {
	for name := range strings.SplitSeq(list, ",") {
		if name == controller {
			return true
		}
	}
	return false
}
