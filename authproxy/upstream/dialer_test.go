package upstream_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/authproxy/upstream"
)

func TestDialer(t *testing.T) {
	ca := newAuthority(t)
	caFile := filepath.Join(t.TempDir(), "ca.pem")
	ca.write(caFile)
	config := &tls.Config{Certificates: []tls.Certificate{ca.server(nil)}}
	for _, test := range []struct {
		name   string
		scheme string
		server func(*peer)
		tls    upstream.TLSOptions
		want   string // in the error; empty: none
	}{
		{"plain", "ldap", directory, upstream.TLSOptions{}, ""},
		{"StartTLS", "ldap", starting(config, directory), upstream.TLSOptions{StartTLS: true, CAFile: caFile}, ""},
		{"LDAPS", "ldaps", secured(config, directory), upstream.TLSOptions{CAFile: caFile}, ""},
		{"an authority that is not trusted", "ldaps", secured(config, directory), upstream.TLSOptions{}, "set tls.ca_file"},
		{"silence", "ldaps", hang, upstream.TLSOptions{CAFile: caFile}, "did not end in time"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := start(t, test.server)
			d, err := upstream.NewDialer([]string{test.scheme + "://" + f.address}, test.tls, 300*time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			c, server, err := d.Dial(t.Context())
			if test.want != "" {
				if class(err) != "unavailable" || !strings.Contains(err.Error(), test.want) {
					t.Fatalf("%v, want %q in it", err, test.want)
				}
				return
			}
			if err != nil || server != f.address {
				t.Fatalf("%q, %v", server, err)
			}
			defer c.Close()
			// The connection outlives the time for making it.
			time.Sleep(350 * time.Millisecond)
			if _, err := c.Write(ldapwire.AppendBindRequest(nil, 1, 3, aliceDN, []byte(rightPassword))); err != nil {
				t.Fatal(err)
			}
			_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
			if n, err := c.Read(make([]byte, 100)); n == 0 {
				t.Errorf("no answer over the connection: %v", err)
			}
		})
	}
}

func TestDialerTriesServersInOrder(t *testing.T) {
	f := start(t, directory)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close() // nobody listens there now
	d, err := upstream.NewDialer([]string{"ldap://" + ln.Addr().String(), "ldap://" + f.address}, upstream.TLSOptions{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	c, server, err := d.Dial(t.Context())
	if err != nil || server != f.address {
		t.Fatalf("%q, %v", server, err)
	}
	c.Close()
	f.kill()
	_, _, err = d.Dial(t.Context())
	if err == nil || !strings.Contains(err.Error(), ln.Addr().String()) || !strings.Contains(err.Error(), f.address) {
		t.Errorf("the error names not both servers: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := d.Dial(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
}

func TestBindErrorTellsTheClasses(t *testing.T) {
	for _, test := range []struct {
		code ldapwire.ResultCode
		text string
		want string
	}{
		{ldapwire.Success, "", "accepted"},
		{ldapwire.InvalidCredentials, "80090308: LdapErr: DSID-0C09, comment: AcceptSecurityContext error, data 52e, v4563", "refused"},
		{ldapwire.StrongerAuthRequired, "", "unavailable"},
	} {
		if got := class(upstream.BindError("dc1:389", int(test.code), test.text)); got != test.want {
			t.Errorf("%s: %s, want %s", test.code, got, test.want)
		}
	}
}
