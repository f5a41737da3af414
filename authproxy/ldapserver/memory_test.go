//go:build !race

// The race detector multiplies what a goroutine and an object cost.

package ldapserver_test

import (
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

func TestIdleConnectionsCostLittle(t *testing.T) {
	const connections, most = 5000, 8 << 10
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Cur < connections+100 {
		t.Fatalf("the test needs %d descriptors; ulimit -n is %d", connections+100, limit.Cur)
	}
	s := process(t, connections+100)
	control := s.dial(t)
	memory := func() int {
		control.send(extended(1, oidMemory, nil))
		n, err := strconv.Atoi(string(control.expect(1, ldapwire.OpExtendedResponse, ldapwire.Success).ResponseValue))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := memory()
	for range connections {
		p := s.dial(t)
		p.send(bind(1))
		p.expect(1, ldapwire.OpBindResponse, ldapwire.Success)
	}
	time.Sleep(200 * time.Millisecond)
	memory() // stacks shrink at a collection, and are given back at the next
	each := (memory() - before) / connections
	t.Logf("%d bytes for each of %d idle connections", each, connections)
	if each > most {
		t.Errorf("an idle connection costs %d bytes, more than %d", each, most)
	}
}
