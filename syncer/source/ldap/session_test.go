package ldap

import (
	"net"
	"testing"
	"time"
)

// What a server sends may bring the library to panic. That ends the fetch and nothing else.
func TestAPanicOfTheLibraryIsAnError(t *testing.T) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	x := &session{ctx: t.Context(), wire: &wire{Conn: ours}, timeout: time.Second, server: "dc1.example.com:636"}
	err := x.do(func() error {
		var entries []string
		_ = entries[len(t.Name())]
		return nil
	})
	if err == nil {
		t.Fatal("the panic is lost")
	}
	if text := x.broken("the search", err).Error(); text != "dc1.example.com:636 sent what is not LDAP during the search: it cannot be read: runtime error: index out of range [31] with length 0" {
		t.Error(text)
	}
}
