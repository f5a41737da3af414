package chaos_test

import (
	"net"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/chaos"
)

func TestFullServer(t *testing.T) {
	s, err := chaos.NewFullServer()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if c, err := net.DialTimeout("tcp", s.Address, 300*time.Millisecond); err == nil {
		c.Close()
		t.Fatal("there is room")
	}
	s.Serve(directory(t))
	for deadline := time.Now().Add(10 * time.Second); ; {
		c, err := net.DialTimeout("tcp", s.Address, 2*time.Second)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}
