package resources

import "testing"

func TestShare(t *testing.T) {
	for _, tc := range []struct{ limit, ldap, admin int }{
		{0, 0, 0}, // no limit
		{1, 1, 1},
		{64, 32, 8},
		{256, 128, 32},
		{1024, 640, 128},
		{4096, 3584, 256},
		{20000, 19488, 256},
	} {
		if got := share(tc.limit); got.LDAP != tc.ldap || got.Admin != tc.admin || got.Limit != tc.limit {
			t.Errorf("of %d: %+v, want %d for LDAP and %d for the admin listener", tc.limit, got, tc.ldap, tc.admin)
		}
	}
}

func TestNeeded(t *testing.T) {
	for _, clients := range []int{1, 31, 32, 33, 500, 1000, 20000, 1_000_000} {
		need := Needed(clients)
		if got := share(need).LDAP; got < clients {
			t.Errorf("%d descriptors leave %d for %d clients", need, got, clients)
		}
		if need > 1 && share(need-1).LDAP >= clients {
			t.Errorf("%d descriptors are more than %d clients need", need, clients)
		}
	}
	if got := Needed(20000); got != 20512 {
		t.Errorf("20000 clients need %d", got)
	}
}

func TestMemoryLimit(t *testing.T) {
	const none = "9223372036854771712\n"
	for _, tc := range []struct {
		name, groups string
		files        map[string]string
		want         int64
	}{
		{"no groups", "", nil, 0},
		{"not understood", "nonsense\n", nil, 0},
		{"version 2", "0::/system.slice/dialtree.service\n", map[string]string{"/system.slice/dialtree.service/memory.max": "268435456\n"}, 256 << 20},
		{"version 2, no limit", "0::/a\n", map[string]string{"/a/memory.max": "max\n"}, 0},
		{"the slice has less", "0::/a.slice/b.service\n", map[string]string{"/a.slice/b.service/memory.max": "1000000\n", "/a.slice/memory.max": "500000\n"}, 500000},
		{"version 2, a container with groups of its own", "0::/\n", map[string]string{"/memory.max": "4096\n"}, 4096},
		{"version 1", "4:memory:/x/y\n1:cpu:/\n0::/\n", map[string]string{"/memory/x/y/memory.limit_in_bytes": "1048576\n", "/memory/memory.limit_in_bytes": none}, 1 << 20},
		{"version 1, no limit", "4:memory:/\n", map[string]string{"/memory/memory.limit_in_bytes": none}, 0},
		{"version 1, the path is the host's", "4:memory:/docker/123\n", map[string]string{"/memory/memory.limit_in_bytes": "77\n"}, 77},
		{"version 1, with another controller", "4:hugetlb,memory:/a\n", map[string]string{"/memory/a/memory.limit_in_bytes": "88\n"}, 88},
		{"both, version 2 rules", "4:cpu:/\n0::/a\n", map[string]string{"/unified/a/memory.max": "99\n"}, 99},
		{"a group called memory", "4:cpu:/memory\n", map[string]string{"/memory/memory/memory.limit_in_bytes": "5\n"}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := memoryLimit(tc.groups, func(file string) string { return tc.files[file] }); got != tc.want {
				t.Errorf("%d, want %d", got, tc.want)
			}
		})
	}
}
