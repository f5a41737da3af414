package etcd_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/cluster"
	"github.com/dialtree/dialtree/cluster/etcd"
)

// An authority signs certificates for 127.0.0.1.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: key, file: filepath.Join(t.TempDir(), "ca.pem")}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	write(t, a.file, "CERTIFICATE", der)
	return a
}

func write(t *testing.T, file, kind string, der []byte) {
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (a *authority) sign(t *testing.T, certFile, keyFile string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "node"}, NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, certFile, "CERTIFICATE", der)
	write(t, keyFile, "PRIVATE KEY", private)
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	right, wrong, dir := newAuthority(t), newAuthority(t), t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	right.sign(t, file("server.pem"), file("server.key"))
	right.sign(t, file("good.pem"), file("good.key"))
	wrong.sign(t, file("bad.pem"), file("bad.key"))
	s := start(t, 1, "--cert-file", file("server.pem"), "--key-file", file("server.key"), "--trusted-ca-file", right.file, "--client-cert-auth")
	open := func(ca, cert string) *etcd.Client {
		o := etcd.Options{Endpoints: s.endpoints, CAFile: ca}
		if cert != "" {
			o.CertFile, o.KeyFile = file(cert+".pem"), file(cert+".key")
		}
		c, err := etcd.New(o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	good := open(right.file, "good")
	eventually(t, good, nil)
	for _, c := range []struct {
		name, ca, cert string
		want           error
	}{
		{"no certificate", right.file, "", cluster.ErrDenied},
		{"another authority's certificate", right.file, "bad", cluster.ErrDenied},
		{"another server than ours", wrong.file, "good", cluster.ErrUnreachable},
	} {
		t.Run(c.name, func(t *testing.T) {
			// In TLS 1.3 a server refuses after the handshake: now and then the connection breaks before that is read.
			eventually(t, open(c.ca, c.cert), c.want)
		})
	}
	t.Run("a new certificate is used without a restart", func(t *testing.T) {
		c := open(right.file, "bad")
		eventually(t, c, cluster.ErrDenied)
		right.sign(t, file("bad.pem"), file("bad.key"))
		eventually(t, c, nil)
	})
}

// Where authorities are replaced, or a member's clock is wrong, some members refuse a certificate that the others take.
func TestAMemberThatRefusesTheCertificateIsPassedOver(t *testing.T) {
	t.Parallel()
	ours, theirs, dir := newAuthority(t), newAuthority(t), t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	ours.sign(t, file("server.pem"), file("server.key"))
	ours.sign(t, file("client.pem"), file("client.key"))
	theirs.sign(t, file("other.pem"), file("other.key"))
	takes := start(t, 1, "--cert-file", file("server.pem"), "--key-file", file("server.key"), "--trusted-ca-file", ours.file, "--client-cert-auth")
	refuses := start(t, 1, "--cert-file", file("server.pem"), "--key-file", file("server.key"), "--trusted-ca-file", theirs.file, "--client-cert-auth")
	open := func(cert string, endpoints ...string) *etcd.Client {
		c, err := etcd.New(etcd.Options{Endpoints: endpoints, CAFile: ours.file, CertFile: file(cert + ".pem"), KeyFile: file(cert + ".key")})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	eventually(t, open("client", takes.endpoints...), nil)
	eventually(t, open("other", refuses.endpoints...), nil)
	for range 8 { // each begins with any of them
		c := open("client", takes.endpoints[0], refuses.endpoints[0])
		if _, _, err := c.Get(t.Context(), "k"); errors.Is(err, cluster.ErrDenied) {
			t.Fatal(err)
		}
		if _, _, err := c.Txn(t.Context(), nil, []cluster.Op{cluster.Put("k", nil)}); errors.Is(err, cluster.ErrDenied) {
			t.Fatal(err)
		}
		eventually(t, c, nil)
	}
	c := open("client", refuses.endpoints[0], refuses.endpoints[0])
	eventually(t, c, cluster.ErrDenied)
	if _, _, err := c.Txn(t.Context(), nil, []cluster.Op{cluster.Put("k", nil)}); err == nil || errors.Is(err, cluster.ErrUnreachable) && !errors.Is(err, cluster.ErrUnsent) {
		t.Errorf("all refuse: %v", err)
	}
}

// eventually asks until the answer is as wanted.
func eventually(t *testing.T, c *etcd.Client, want error) {
	t.Helper()
	var err error
	for began := time.Now(); time.Since(began) < 20*time.Second; time.Sleep(100 * time.Millisecond) {
		if _, _, err = c.Get(t.Context(), "k"); want == nil && err == nil || want != nil && errors.Is(err, want) {
			return
		}
	}
	t.Fatalf("got %v, want %v", err, want)
}

// withPasswords starts an etcd of one member in which the user dialtree has its prefix.
func withPasswords(t *testing.T, more ...string) *servers {
	s := start(t, 1)
	s.kill(0)
	// As etcd comes it takes a tenth of a second of a processor for each password.
	s.commands[0] = append(append(s.commands[0], "--bcrypt-cost", "4"), more...)
	s.run(t, 0)
	eventually(t, s.client(t, nil), nil)
	for _, args := range [][]string{
		{"user", "add", "root:wurzel"},
		{"role", "add", "dialtree"},
		{"role", "grant-permission", "dialtree", "--prefix=true", "readwrite", "/dialtree/"},
		{"user", "add", "dialtree:geheim"},
		{"user", "grant-role", "dialtree", "dialtree"},
		{"user", "grant-role", "root", "root"},
		{"auth", "enable"},
	} {
		c := exec.Command("etcdctl", append([]string{"--endpoints", s.endpoints[0]}, args...)...)
		c.Env = append(os.Environ(), "ETCDCTL_API=3")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("etcdctl %v: %v: %s", args, err, out)
		}
	}
	return s
}

// passwordClient is the user dialtree.
func passwordClient(t *testing.T, s *servers) *etcd.Client {
	c, err := etcd.New(etcd.Options{Endpoints: s.endpoints, Username: "dialtree", Password: "geheim"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// A watch that is begun long after the others is not refused because the token is over that those began with.
func TestAWatchThatBeginsLater(t *testing.T) {
	t.Parallel()
	c := passwordClient(t, withPasswords(t, "--auth-token-ttl", "3"))
	c.SetStreamLife(time.Second)
	// This stays, and with it the stream of its time.
	events := c.Watch(t.Context(), "a/", 1)
	put := func() (revision int64) {
		t.Helper()
		eventually(t, c, nil)
		_, revision, err := c.Txn(t.Context(), nil, []cluster.Op{cluster.Put("a/1", nil)})
		if err != nil {
			t.Fatal(err)
		}
		return revision
	}
	put()
	<-events
	// Its renewals have a stream and a token of their own, which all other calls use from then on, and so keep.
	l, err := c.Lease(t.Context(), 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Revoke(context.Background()) })
	var last int64
	for range 12 {
		time.Sleep(500 * time.Millisecond)
		last = put()
		<-events
	}
	// On a machine that stands still for three seconds one may be too late again.
	var e cluster.Events
	for began := time.Now(); time.Since(began) < 20*time.Second; time.Sleep(100 * time.Millisecond) {
		if e = <-c.Watch(t.Context(), "a/", last); e.Revision == last {
			return
		}
	}
	t.Errorf("a watch that was begun later says %+v", e)
}

// etcd 3.4 gives no new token to who shows one that is over. Asking for it all the same would keep etcd busy with the password.
func TestATokenThatIsOver(t *testing.T) {
	t.Parallel()
	s := withPasswords(t, "--auth-token-ttl", "2")
	c := passwordClient(t, s)
	eventually(t, c, nil)
	time.Sleep(4 * time.Second)
	eventually(t, c, nil)
	asked := 0
	response, err := http.Get(s.endpoints[0] + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(body)) {
		if strings.HasPrefix(line, "grpc_server_started_total{") && strings.Contains(line, `"Authenticate"`) {
			if _, err := fmt.Sscan(line[strings.LastIndex(line, " ")+1:], &asked); err != nil {
				t.Fatal(err)
			}
		}
	}
	if asked == 0 || asked > 10 {
		t.Errorf("for a token etcd was asked %d times", asked)
	}
}

func TestPasswords(t *testing.T) {
	t.Parallel()
	s := withPasswords(t)
	open := func(prefix, password string) *etcd.Client {
		c, err := etcd.New(etcd.Options{Endpoints: s.endpoints, Prefix: prefix, Username: "dialtree", Password: etcd.Password(password), Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	t.Run("all that a node does needs its prefix only", func(t *testing.T) {
		c := open("", "geheim")
		l, err := c.Lease(t.Context(), 2*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		h, err := c.Elect(t.Context(), l, "election/", "a")
		if err != nil {
			t.Fatal(err)
		}
		_, revision, err := c.Txn(t.Context(), []cluster.Condition{h.Condition(), cluster.NoneBelow("lock/")}, []cluster.Op{cluster.Put("k", []byte("1"))})
		if err != nil {
			t.Fatal(err)
		}
		if e := <-c.Watch(t.Context(), "", revision); len(e.Events) != 1 {
			t.Errorf("the watch says %+v", e)
		}
		if _, err := c.Members(t.Context()); err != nil {
			t.Errorf("members: %v", err)
		}
		// All but this: newer ones let only root compact.
		if err := c.Compact(t.Context(), revision); err != nil && !errors.Is(err, cluster.ErrDenied) {
			t.Errorf("compact: %v", err)
		}
		time.Sleep(3 * time.Second) // renewals
		if err := l.Revoke(context.Background()); err != nil {
			t.Error(err)
		}
	})
	for _, c := range []struct{ name, prefix, password string }{
		{"a wrong password", "", "falsch"},
		{"another prefix", "/other/", "geheim"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := open(c.prefix, c.password)
			_, _, err := client.Get(t.Context(), "k")
			if !errors.Is(err, cluster.ErrDenied) || strings.Contains(err.Error(), c.password) {
				t.Errorf("get: %v", err)
			}
			if _, _, err := client.Txn(t.Context(), nil, []cluster.Op{cluster.Put("k", nil)}); !errors.Is(err, cluster.ErrDenied) {
				t.Errorf("txn: %v", err)
			}
			t.Log(err)
		})
	}
}

func TestWhatEtcdRefuses(t *testing.T) {
	t.Parallel()
	s := start(t, 1)
	c := s.client(t, nil)
	for _, bytes := range []int{1600 << 10, 3 << 20} { // etcd's limit, and this client's own
		if _, _, err := c.Txn(t.Context(), nil, []cluster.Op{cluster.Put("k", make([]byte, bytes))}); !errors.Is(err, cluster.ErrTooLarge) {
			t.Errorf("%d bytes: %v", bytes, err)
		}
	}
	if _, _, err := c.Txn(t.Context(), nil, []cluster.Op{cluster.Put("k", make([]byte, 768<<10))}); err != nil {
		t.Error(err)
	}
	full := start(t, 1)
	full.kill(0)
	full.commands[0] = append(full.commands[0], "--quota-backend-bytes", "1000000")
	full.run(t, 0)
	f := full.client(t, nil)
	eventually(t, f, nil)
	var err error
	// etcd learns of the size of its file when that is written, which takes it 100 ms, or more where the disk is slow.
	for began := time.Now(); err == nil && time.Since(began) < 20*time.Second; time.Sleep(20 * time.Millisecond) {
		_, _, err = f.Txn(t.Context(), nil, []cluster.Op{cluster.Put("k", make([]byte, 512<<10))})
	}
	if !errors.Is(err, cluster.ErrNoSpace) {
		t.Errorf("full: %v", err)
	}
	all, err := f.Members(t.Context())
	if err != nil || len(all) != 1 || all[0].Healthy || !all[0].Full || all[0].Error != cluster.ErrNoSpace.Error() {
		t.Errorf("members of a full one: %+v, %v", all, err)
	}
}
