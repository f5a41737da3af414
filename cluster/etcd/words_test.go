package etcd

import "testing"

func TestInWords(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:26300: connect: connection refused"`, "127.0.0.1:26300 refuses connections"},
		{`connection error: desc = "transport: Error while dialing: dial tcp 10.0.0.1:2379: i/o timeout"`, "10.0.0.1:2379 is not reached"},
		{`connection error: desc = "transport: Error while dialing: dial tcp 10.0.0.1:2379: connect: no route to host"`, "10.0.0.1:2379 is not reached: no route to host"},
		{`connection error: desc = "transport: Error while dialing: dial tcp: lookup etcd1 on 10.0.0.53:53: no such host"`, "no address is found for etcd1: no such host"},
		{`connection error: desc = "transport: authentication handshake failed: remote error: tls: unknown certificate authority"`, "no TLS with it: remote error: tls: unknown certificate authority"},
		{`connection error: desc = "transport: authentication handshake failed: tls: failed to verify certificate: x509: certificate signed by unknown authority"`, "no TLS with it: failed to verify certificate: x509: certificate signed by unknown authority"},
		{`connection error: desc = "error reading server preface: remote error: tls: expired certificate"`, "no TLS with it: remote error: tls: expired certificate"},
		{"rpc error: code = PermissionDenied desc = etcdserver: permission denied", "etcdserver: permission denied"},
		{"context deadline exceeded", "it took too long"},
		{"etcdserver: request timed out", "it took too long"},
		{"grpc: the client connection is closing", "the connection was given up"},
		{"etcdserver: no leader", "its members have no leader: more than half of them must be up and reach each other"},
		{`error reading from server: EOF`, "the connection broke"},
		{`connection error: desc = "error reading server preface: EOF"`, "the connection broke"},
		{"something new", "something new"},
	} {
		if got := inWords(c.text); got != c.want {
			t.Errorf("%s\n got %q\nwant %q", c.text, got, c.want)
		}
	}
}
