package ldapserver

import (
	"bytes"
	"net"
	"testing"
)

// Whoever reads again loses what he read before, already while he waits.
func TestWhatWasReadIsCleared(t *testing.T) {
	client, server := net.Pipe()
	buffer := []byte("a password, as TLS left it")
	done := make(chan error)
	go func() {
		_, err := scrubbed{server}.Read(buffer)
		done <- err
	}()
	client.Close()
	if err := <-done; err == nil {
		t.Error("read something")
	}
	if !bytes.Equal(buffer, make([]byte, len(buffer))) {
		t.Errorf("the buffer still has %q", buffer)
	}
}
