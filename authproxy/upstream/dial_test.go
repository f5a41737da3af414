package upstream_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/authproxy/upstream"
)

// An authority signs certificates for tests.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, key: newKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.cert = a.sign(template, template, a.key)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) sign(template, parent *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert
}

// server makes a certificate for 127.0.0.1 and a name; change may spoil it.
func (a *authority) server(change func(*x509.Certificate)) tls.Certificate {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "dc1.example.com"},
		DNSNames: []string{"dc1.example.com"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if change != nil {
		change(template)
	}
	key := newKey(a.t)
	leaf := a.sign(template, a.cert, key)
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
}

func (a *authority) write(path string) {
	b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
	if err := os.WriteFile(path, b, 0o600); err != nil {
		a.t.Fatal(err)
	}
}

func serverTLS(t *testing.T, version uint16) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{newAuthority(t).server(nil)}, MinVersion: version, MaxVersion: version}
}

func pinOf(c tls.Certificate) string {
	sum := sha256.Sum256(c.Leaf.RawSubjectPublicKeyInfo)
	return "sha256/" + base64.StdEncoding.EncodeToString(sum[:])
}

// starting answers StartTLS and goes on under TLS.
func starting(config *tls.Config, then func(*peer)) func(*peer) {
	return func(p *peer) {
		m, err := p.next()
		if err != nil || m.Op != ldapwire.OpExtendedRequest {
			return
		}
		p.Write(ldapwire.AppendExtendedResponse(nil, m.ID, ldapwire.Success, "", "", nil))
		secured(config, then)(p)
	}
}

func TestTLS(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	dir := t.TempDir()
	caFile, otherFile := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "other.pem")
	ca.write(caFile)
	other.write(otherFile)
	good := ca.server(nil)
	expired := ca.server(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	future := ca.server(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) })
	named := ca.server(func(c *x509.Certificate) { c.IPAddresses = nil })

	for _, test := range []struct {
		name    string
		cert    tls.Certificate
		max     uint16
		options upstream.TLSOptions
		want    string
		says    string
	}{
		{"own authority", good, 0, upstream.TLSOptions{CAFile: caFile}, "accepted", ""},
		{"TLS 1.2", good, tls.VersionTLS12, upstream.TLSOptions{CAFile: caFile}, "accepted", ""},
		{"TLS 1.1", good, tls.VersionTLS11, upstream.TLSOptions{CAFile: caFile}, "unavailable", "TLS 1.2"},
		{"unknown authority", good, 0, upstream.TLSOptions{}, "unavailable", "set tls.ca_file"},
		{"another authority", good, 0, upstream.TLSOptions{CAFile: otherFile}, "unavailable", "not trusted"},
		{"expired", expired, 0, upstream.TLSOptions{CAFile: caFile}, "unavailable", "expired"},
		{"not yet valid", future, 0, upstream.TLSOptions{CAFile: caFile}, "unavailable", "clock"},
		{"another name", named, 0, upstream.TLSOptions{CAFile: caFile}, "unavailable", "set tls.server_name"},
		{"name given", named, 0, upstream.TLSOptions{CAFile: caFile, ServerName: "dc1.example.com"}, "accepted", ""},
		{"wrong name given", good, 0, upstream.TLSOptions{CAFile: caFile, ServerName: "dc2.example.com"}, "unavailable", "another name"},
		{"nothing checked", expired, 0, upstream.TLSOptions{InsecureSkipVerify: true}, "accepted", ""},
		{"pinned, instead of an authority", good, 0, upstream.TLSOptions{PinnedKey: pinOf(good)}, "accepted", ""},
		{"pinned, expired", expired, 0, upstream.TLSOptions{PinnedKey: pinOf(expired)}, "accepted", ""},
		{"pinned, another key", good, 0, upstream.TLSOptions{PinnedKey: pinOf(named)}, "unavailable", "not the pinned one"},
		{"pinned beside the authority", good, 0, upstream.TLSOptions{CAFile: caFile, PinnedKey: pinOf(good)}, "accepted", ""},
		{"pinned beside the authority, another key", good, 0, upstream.TLSOptions{CAFile: caFile, PinnedKey: pinOf(named)}, "unavailable", "not the pinned one"},
		{"pinned beside another authority", good, 0, upstream.TLSOptions{CAFile: otherFile, PinnedKey: pinOf(good)}, "unavailable", "not trusted"},
		{"pinned, nothing else checked", good, 0, upstream.TLSOptions{InsecureSkipVerify: true, PinnedKey: pinOf(named)}, "unavailable", "not the pinned one"},
	} {
		config := &tls.Config{Certificates: []tls.Certificate{test.cert}, MaxVersion: test.max, MinVersion: tls.VersionTLS10}
		for _, how := range []string{"ldaps", "starttls"} {
			t.Run(test.name+"/"+how, func(t *testing.T) {
				t.Parallel()
				o := options()
				o.ConnectTimeout, o.BindTimeout = 5*time.Second, 5*time.Second
				o.TLS = test.options
				var f *fake
				if how == "ldaps" {
					f = start(t, secured(config, directory))
					o.URLs = []string{"ldaps://" + f.address}
				} else {
					f = start(t, starting(config, directory))
					o.URLs = []string{"ldap://" + f.address}
					o.TLS.StartTLS = true
				}
				err := bind(open(t, o), rightPassword)
				if class(err) != test.want {
					t.Fatalf("%s, want %s: %v", class(err), test.want, err)
				}
				if err == nil {
					return
				}
				var failure *upstream.UnavailableError
				if !errors.As(err, &failure) || failure.Phase != upstream.PhaseTLS || !strings.Contains(err.Error(), test.says) {
					t.Errorf("error %q does not say %q", err, test.says)
				}
				if _, binds := f.seen(); len(binds) != 0 {
					t.Errorf("binds %q were sent", binds)
				}
			})
		}
	}
}

func TestAuthorityIsReadAgain(t *testing.T) {
	old, renewed := newAuthority(t), newAuthority(t)
	path := filepath.Join(t.TempDir(), "ca.pem")
	old.write(path)
	f := start(t, secured(&tls.Config{Certificates: []tls.Certificate{renewed.server(nil)}}, directory))
	o := options("ldaps://"+f.address, "ldaps://localhost:1")
	o.TLS.CAFile = path
	o.ConnectTimeout, o.BindTimeout = 5*time.Second, 5*time.Second
	if err := bind(open(t, o), rightPassword); class(err) != "unavailable" {
		t.Fatal(err)
	}
	u := open(t, o)
	renewed.write(path)
	if err := os.Chtimes(path, time.Time{}, time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := bind(u, rightPassword); err != nil {
		t.Error(err)
	}
}

// Every phase ends within the connect timeout, and nothing is sent in clear.
func TestConnecting(t *testing.T) {
	answerStartTLS := func(code ldapwire.ResultCode, behind []byte) func(*peer) {
		return func(p *peer) {
			if m, err := p.next(); err == nil {
				p.Write(append(ldapwire.AppendExtendedResponse(nil, m.ID, code, "no TLS here", "", nil), behind...))
				p.next()
			}
		}
	}
	for _, test := range []struct {
		name     string
		scheme   string
		startTLS bool
		server   func(*peer)
		phase    upstream.Phase
		says     string
	}{
		{"hangs in TLS", "ldaps", false, hang, upstream.PhaseTLS, "in time"},
		{"deaf in TLS", "ldaps", false, deaf, upstream.PhaseTLS, "in time"},
		{"drips in TLS", "ldaps", false, func(p *peer) {
			for _, b := range []byte{0x16, 3, 3, 0x10, 0, 2, 0, 0} {
				time.Sleep(100 * time.Millisecond)
				p.Write([]byte{b})
			}
			hang(p)
		}, upstream.PhaseTLS, "in time"},
		{"speaks LDAP on the TLS port", "ldaps", false, func(p *peer) {
			p.Write(ldapwire.AppendNoticeOfDisconnection(nil, ldapwire.ProtocolError, ""))
			hang(p)
		}, upstream.PhaseTLS, "does not speak TLS"},
		{"closes in TLS", "ldaps", false, func(p *peer) { p.Read(make([]byte, 4096)) }, upstream.PhaseTLS, "certificate"},
		{"hangs in StartTLS", "ldap", true, hang, upstream.PhaseStartTLS, "in time"},
		{"deaf in StartTLS", "ldap", true, deaf, upstream.PhaseStartTLS, "in time"},
		{"drips in StartTLS", "ldap", true, func(p *peer) {
			for _, b := range ldapwire.AppendExtendedResponse(nil, 1, ldapwire.Success, "", "", nil) {
				time.Sleep(100 * time.Millisecond)
				p.Write([]byte{b})
			}
			hang(p)
		}, upstream.PhaseStartTLS, "in time"},
		{"hangs in TLS after StartTLS", "ldap", true, func(p *peer) {
			if m, err := p.next(); err == nil {
				p.Write(ldapwire.AppendExtendedResponse(nil, m.ID, ldapwire.Success, "", "", nil))
				hang(p)
			}
		}, upstream.PhaseTLS, "in time"},
		{"StartTLS not offered", "ldap", true, answerStartTLS(ldapwire.ProtocolError, nil), upstream.PhaseStartTLS, "ldaps://"},
		{"StartTLS not available now", "ldap", true, answerStartTLS(ldapwire.Unavailable, nil), upstream.PhaseStartTLS, "no TLS here"},
		{"something behind the answer to StartTLS", "ldap", true,
			answerStartTLS(ldapwire.Success, ldapwire.AppendBindResponse(nil, 2, ldapwire.Success, "", nil)), upstream.PhaseStartTLS, "bytes behind"},
		{"another kind of answer to StartTLS", "ldap", true, reply(func(id int32) []byte {
			return ldapwire.AppendBindResponse(nil, id, ldapwire.Success, "", nil)
		}), upstream.PhaseStartTLS, "wrong kind"},
		{"another ID in the answer to StartTLS", "ldap", true, reply(func(id int32) []byte {
			return ldapwire.AppendExtendedResponse(nil, id+1, ldapwire.Success, "", "", nil)
		}), upstream.PhaseStartTLS, "message ID"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := start(t, test.server)
			o := options(test.scheme + "://" + f.address)
			o.TLS.StartTLS = test.startTLS
			o.BindTimeout = 5 * time.Second
			begin := time.Now()
			err := bind(open(t, o), "topsecret")
			var failure *upstream.UnavailableError
			if !errors.As(err, &failure) || failure.Phase != test.phase || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v does not say %q in phase %s", err, test.says, test.phase)
			}
			if took := time.Since(begin); took > 3*time.Second {
				t.Errorf("took %v", took)
			}
			if _, binds := f.seen(); len(binds) != 0 {
				t.Errorf("binds %q were sent in clear", binds)
			}
		})
	}
}

func TestConnectFailsWithASentence(t *testing.T) {
	closed := start(t, directory)
	closed.kill()
	for _, test := range []struct {
		name, url string
		dial      func(context.Context, string, string) (net.Conn, error)
		phase     upstream.Phase
		says      string
	}{
		{"nobody listens", "ldap://" + closed.address, nil, upstream.PhaseConnect, "refused"},
		{"no such host", "ldap://dc.invalid", func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "dc.invalid", IsNotFound: true}}
		}, upstream.PhaseResolve, "name server"},
		{"no answer to the first packet", "ldap://dc.invalid", func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, upstream.PhaseConnect, "firewalls"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := options(test.url)
			o.Dial = test.dial
			err := bind(open(t, o), "x")
			var failure *upstream.UnavailableError
			if !errors.As(err, &failure) || failure.Phase != test.phase || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v does not say %q in phase %s", err, test.says, test.phase)
			}
		})
	}
}
