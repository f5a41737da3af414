package ldapserver

import "net"

// A scrubbed connection is what TLS reads from: it clears what it is given to read into first. That is where the standard
// library keeps what came last, with a password in it, decrypted in place; without this it would stay for as long as the
// client says nothing more. A reader may use all that it is given (io.Reader).
type scrubbed struct{ net.Conn }

func (s scrubbed) Read(b []byte) (int, error) {
	clear(b)
	return s.Conn.Read(b)
}
