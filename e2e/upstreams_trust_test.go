//go:build e2e

package e2e_test

import (
	"crypto/tls"
	"fmt"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/chaos"
	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/torture"
)

// A server shows a certificate that it should not, from the start or when new connections are made beside those in the pool: nobody is
// told anything about a password, and no password is sent there.
func TestTortureUpstreamsCertificates(t *testing.T) {
	a := must[*fixture.Authority](t)(authority())
	stranger := must[*fixture.Authority](t)(fixture.NewAuthority(t.TempDir()))
	load := func(c fixture.Certificate, err error) *tls.Certificate {
		t.Helper()
		return must[*tls.Certificate](t)(must[fixture.Certificate](t)(c, err).Load())
	}
	good := load(a.Issue("chaos", "127.0.0.1"))
	bad := map[string]*tls.Certificate{
		"another name":      load(a.Issue("chaos-other", "directory.example.com")),
		"expired":           load(a.IssueExpired("chaos-expired", "127.0.0.1")),
		"another authority": load(stranger.Issue("chaos", "127.0.0.1")),
	}
	users := chaosUsers(2)
	s := slapd(t, users...)
	for _, transport := range []string{startTLS, ldaps} {
		layer := chaos.TLS
		if transport == startTLS {
			layer = chaos.Upgrade
		}
		p := must[*chaos.Proxy](t)(chaos.NewProxy(chaos.Options{Target: s.Address, Layer: layer, Certificate: good, Patience: chaosBindTimeout}))
		t.Cleanup(p.Close)
		d := dialtree(t, options(t), upstream(t, transport, p.Address, p.Address, template+"\nconnect_timeout: 2s")+user(users[0].UID)+user(users[1].UID))
		expect := func(when, password string, want int) {
			t.Helper()
			if r := bind(t, d, plain, users[0].UID, password); r.Code != want {
				t.Errorf("%s, %s: result %d %q, want %d", transport, when, r.Code, r.Diagnostic, want)
			}
		}
		expect("a good certificate", users[0].Password, 0)
		expect("a good certificate, a wrong password", "wrong", 49)
		var worst time.Duration
		for name, certificate := range bad {
			p.SetCertificate(certificate)
			expect(name+", on a connection of the pool", users[0].Password, 0)
			p.Cut()
			before := sum(p.Delivered())
			for i := range 5 {
				expect(name, users[0].Password, 52)
				expect(name, fmt.Sprintf("wrong-%s-%d", name, i), 52)
			}
			if after := sum(p.Delivered()); after != before {
				t.Errorf("%s, %s: %d passwords were sent to a server that cannot be trusted", transport, name, after-before)
			}
			p.SetCertificate(good)
			begin := time.Now()
			for bind(t, d, plain, users[0].UID, users[0].Password).Code != 0 {
				if time.Since(begin) > 10*time.Second {
					t.Fatalf("%s, %s: no login ten seconds after the certificate is good again", transport, name)
				}
				time.Sleep(20 * time.Millisecond)
			}
			worst = max(worst, time.Since(begin))
		}
		torture.Note(t, upstreamsPart, transport+": another name, an expired one, another authority's", torture.Dialtree,
			"52, no password sent; login works %.1f s after the right one is back", worst.Seconds())
	}
}

// Somebody in between takes StartTLS away in every way there is: there is no falling back to clear text.
func TestTortureUpstreamsStripping(t *testing.T) {
	users := chaosUsers(1)
	s := slapd(t, users...)
	p := must[*chaos.Proxy](t)(chaos.NewProxy(chaos.Options{Target: s.Address, Layer: chaos.Upgrade, Seed: chaosSeed(t), Patience: chaosBindTimeout}))
	t.Cleanup(p.Close)
	d := dialtree(t, options(t), upstream(t, startTLS, p.Address, "", template+"\n"+chaosLimits)+user(users[0].UID))
	if r := bind(t, d, plain, users[0].UID, users[0].Password); r.Code != 0 {
		t.Fatalf("before: result %d %q", r.Code, r.Diagnostic)
	}
	p.Cut()
	p.Set(chaos.Mix{Chance: 1, Faults: []chaos.Fault{chaos.StripTLS}})
	tries := 0
	for begin := time.Now(); p.Injected()[chaos.StripTLS] < torture.Pick(4, 40); tries++ {
		if r := bind(t, d, plain, users[0].UID, users[0].Password); r.Code != 52 {
			t.Fatalf("result %d %q, want 52", r.Code, r.Diagnostic)
		}
		if time.Since(begin) > 2*time.Minute {
			t.Fatal("the product does not connect any more")
		}
		time.Sleep(20 * time.Millisecond)
	}
	if n := sum(p.Delivered()); n != 0 {
		t.Errorf("%d passwords were sent in clear", n)
	}
	torture.Note(t, upstreamsPart, "StartTLS taken away", torture.Dialtree, "%d connections, %d logins: none in clear", p.Injected()[chaos.StripTLS], tries)
}

func sum(delivered map[chaos.Bind]int) int {
	n := 0
	for _, times := range delivered {
		n += times
	}
	return n
}
