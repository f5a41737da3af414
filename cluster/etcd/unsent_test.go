package etcd_test

import (
	"errors"
	"net"
	"testing"

	"github.com/dialtree/dialtree/cluster"
	"github.com/dialtree/dialtree/cluster/etcd"
)

// A change that no member took a connection for was not made, and nobody has to look whether it was.
func TestUnsent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	for _, endpoints := range [][]string{{address}, {address, address}} {
		c, err := etcd.New(etcd.Options{Endpoints: endpoints})
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = c.Txn(t.Context(), nil, []cluster.Op{cluster.Put("x", []byte("1"))})
		if !errors.Is(err, cluster.ErrUnsent) || !errors.Is(err, cluster.ErrUnreachable) {
			t.Errorf("%d endpoints: %v", len(endpoints), err)
		}
		if want := "etcd does not answer: " + address + " refuses connections"; err.Error() != want {
			t.Errorf("it says %q, not %q", err, want)
		}
		c.Close()
	}
}
