package smb_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dialtree/dialtree/syncer/source"
	"github.com/dialtree/dialtree/syncer/source/file"
	"github.com/dialtree/dialtree/syncer/source/smb"
)

func options(server string) smb.Options {
	return smb.Options{
		Server: server, Share: "share", Path: "/test/address.csv", Username: "u", Domain: "D",
		Password: func() (string, error) { return "hunter2", nil },
	}
}

func TestName(t *testing.T) {
	tests := []struct{ server, path, want string }{
		{"fs1", `test\address.csv`, `\\fs1\share\test\address.csv`},
		{"fs1", "test/address.csv", `\\fs1\share\test\address.csv`},
		{"fs1:1445", `\test/address.csv`, `\\fs1:1445\share\test\address.csv`},
	}
	for _, tt := range tests {
		o := options(tt.server)
		o.Path = tt.path
		if got := smb.New(o).Name(); got != tt.want {
			t.Errorf("%s %s: %s, want %s", tt.server, tt.path, got, tt.want)
		}
	}
}

// A server that is none must neither hold the fetch, nor end the process, nor leave anything behind.
func TestServersThatAreNone(t *testing.T) {
	defer goleak.VerifyNone(t)
	header := []byte("\x00\x00\x00\x40\xfeSMB\x40\x00")
	tests := []struct {
		name  string
		serve func(net.Conn)
		want  string
	}{
		{"silent", func(c net.Conn) { io.Copy(io.Discard, c) }, "no answer within 300ms: check that the server and the network are up"},
		{"closes", func(net.Conn) {}, "ended the connection during the login: check that it speaks SMB 2 or later and signs"},
		{"junk", func(c net.Conn) { c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) }, "address.csv: "},
		{"four zero bytes", func(c net.Conn) { c.Write(make([]byte, 4)); io.Copy(io.Discard, c) }, "address.csv: "},
		{"half a packet", func(c net.Conn) { c.Write(header) }, "address.csv: "},
		{"an empty answer", func(c net.Conn) { c.Write(append(bytes.Clone(header), make([]byte, 58)...)) }, "address.csv: "},
		{"a huge packet", func(c net.Conn) { c.Write([]byte("\x00\xff\xff\xff")); io.Copy(io.Discard, c) }, "no answer within 300ms"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				c, err := l.Accept()
				if err != nil {
					return
				}
				defer c.Close()
				io.ReadAtLeast(c, make([]byte, 1024), 1) // the request, so that what follows answers it
				tt.serve(c)
			}()
			start := time.Now()
			_, err = file.Copied(smb.New(options(l.Addr().String())), file.Options{Dir: t.TempDir(), Timeout: 300 * time.Millisecond}).Open(t.Context())
			if err == nil || !strings.HasPrefix(err.Error(), `\\`+l.Addr().String()+`\share\test\address.csv: `) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v\n want %s", err, tt.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the password is in %v", err)
			}
			if took := time.Since(start); took > 3*time.Second {
				t.Errorf("took %v", took)
			}
			l.Close()
			<-ended
		})
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	address := l.Addr().String()
	want := `\\` + address + `\share\test\address.csv: server ` + address +
		` cannot be reached: connect: connection refused: check share.unc, and that its firewall lets TCP port 445 through`
	if _, err := smb.New(options(address)).Open(t.Context()); err == nil || err.Error() != want || !source.IsTemporary(err) {
		t.Errorf("error %v\n want %s, which may pass", err, want)
	}
}

func TestPasswordThatIsNotThere(t *testing.T) {
	o := options("127.0.0.1:1")
	o.Password = func() (string, error) { return "", errors.New("environment variable PW is not set") }
	want := `\\127.0.0.1:1\share\test\address.csv: share.password: environment variable PW is not set`
	if _, err := smb.New(o).Open(t.Context()); err == nil || err.Error() != want {
		t.Errorf("error %v\n want %s", err, want)
	}
}
