package upstream_test

import (
	"crypto/tls"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/authproxy/upstream"
)

// introduced tells what it is, and knows the search account.
func introduced(p *peer) {
	directoryThatFinds(p, []ldapwire.Attribute{
		{Type: []byte("vendorName"), Values: [][]byte{[]byte("Acme")}},
		{Type: []byte("namingContexts"), Values: [][]byte{[]byte("dc=example,dc=com"), []byte("cn=config")}},
	})
}

// unsearchable refuses searches with an answer of another kind.
func unsearchable(p *peer) {
	if m, err := p.next(); err == nil {
		p.Write(ldapwire.AppendResult(nil, m.ID, ldapwire.OpExtendedResponse, ldapwire.UnwillingToPerform, "", "No matching handler found"))
	}
}

// wordless tells nothing of itself.
func wordless(p *peer) {
	if m, err := p.next(); err == nil {
		p.Write(ldapwire.AppendResult(nil, m.ID, ldapwire.OpSearchResultDone, ldapwire.Success, "", ""))
	}
}

func TestTry(t *testing.T) {
	certificate := newAuthority(t).server(nil)
	secure := &tls.Config{Certificates: []tls.Certificate{certificate}}
	plain, covered, silent := start(t, introduced), start(t, secured(secure, introduced)), start(t, hang)
	upgraded := start(t, starting(secure, introduced))
	describes := fmt.Sprintf("the certificate is for dc1.example.com, 127.0.0.1, from CN=Test authority, until %s; pinned_key: %s",
		certificate.Leaf.NotAfter.UTC().Format(time.DateOnly), pinOf(certificate))
	for _, tc := range []struct {
		name    string
		url     string
		change  func(*upstream.Options)
		steps   string
		detail  string // of the last step
		problem string // of the last step
	}{
		{"plain", "ldap://" + plain.address, nil, "connect ask", "Acme; naming contexts: dc=example,dc=com; cn=config", ""},
		{"a name", "ldap://" + strings.Replace(plain.address, "127.0.0.1", "localhost", 1), nil, "resolve connect ask", "Acme", ""},
		{"ldaps", "ldaps://" + covered.address, func(o *upstream.Options) { o.TLS.PinnedKey = pinOf(certificate) }, "connect tls ask", "Acme", ""},
		{"StartTLS", "ldap://" + upgraded.address, func(o *upstream.Options) { o.TLS.StartTLS, o.TLS.InsecureSkipVerify = true, true }, "connect starttls tls ask", "Acme", ""},
		{"a certificate that is not trusted", "ldaps://" + covered.address, nil, "connect tls!", describes, "the certificate's authority is not trusted"},
		{"another key than the pinned one", "ldaps://" + covered.address, func(o *upstream.Options) {
			o.TLS.PinnedKey = "sha256/" + strings.Repeat("A", 43) + "="
		}, "connect tls!", "", "it is " + pinOf(certificate)},
		{"one that knows no searches", "ldap://" + start(t, unsearchable).address, nil, "connect ask", "it does not tell what it is, and answers a search with another kind of answer", ""},
		{"one without a word of itself", "ldap://" + start(t, wordless).address, nil, "connect ask", "a directory that does not tell its name", ""},
		{"nobody there", "ldap://127.0.0.1:1", nil, "connect!", "", "check that the server runs, and the port"},
		{"a name that nobody has", "ldap://dc1.invalid", nil, "resolve!", "", "check the host name"},
		{"one that does not answer", "ldap://" + silent.address, nil, "connect ask!", "", "no answer in time"},
		{"a search account", "ldap://" + plain.address, func(o *upstream.Options) { o.BindDN, o.Search = "", searchAs(rightPassword) }, "connect ask", "the search account cn=search is accepted", ""},
		{"a search account that is refused", "ldap://" + plain.address, func(o *upstream.Options) { o.BindDN, o.Search = "", searchAs("hunter2") },
			"connect ask!", "the search account cn=search is not accepted", "check search.bind_dn and search.password"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := options(tc.url)
			o.ConnectTimeout, o.BindTimeout = 5*time.Second, 5*time.Second
			if strings.HasSuffix(tc.problem, "in time") {
				o.BindTimeout = 100 * time.Millisecond
			}
			if tc.change != nil {
				tc.change(&o)
			}
			got := open(t, o).Try(t.Context())
			s := got.Servers[0]
			var steps []string
			for _, step := range s.Steps {
				word := string(step.Phase)
				if step.Err != nil {
					word += "!"
				}
				steps = append(steps, word)
			}
			last := s.Steps[len(s.Steps)-1]
			if text := strings.Join(steps, " "); text != tc.steps || s.OK == strings.HasSuffix(tc.steps, "!") || s.URL != tc.url {
				t.Errorf("steps %q, want %q; %+v", text, tc.steps, s)
			}
			if tc.problem != "" && (last.Err == nil || !strings.Contains(last.Err.Error(), tc.problem)) || !strings.Contains(last.Detail, tc.detail) {
				t.Errorf("the last step is %+v", last)
			}
			if strings.Contains(fmt.Sprintf("%+v", got), "hunter2") {
				t.Errorf("the password is told: %+v", got)
			}
		})
	}
}

func searchAs(password string) *upstream.Search {
	return &upstream.Search{Base: "dc=example,dc=com", Filter: "(uid=%)", BindDN: "cn=search", Password: func() (string, error) { return password, nil }}
}

func TestTryTellsWhatAliceBecomes(t *testing.T) {
	for _, tc := range []struct {
		name, bindDN string
		search       *upstream.Search
		want         string
	}{
		{"a template", "uid=%,dc=example,dc=com", nil, "uid=alice,dc=example,dc=com"},
		{"a domain", "%@example.com", nil, "alice@example.com"},
		{"a search", "", searchAs("x"), "(uid=alice) below dc=example,dc=com"},
		{"recorded DNs", "", nil, ""},
	} {
		o := options("ldap://127.0.0.1:1", "ldap://127.0.0.1:2")
		o.BindDN, o.Search = tc.bindDN, tc.search
		got := open(t, o).Try(t.Context())
		if got.Example != tc.want || len(got.Servers) != 2 || got.Servers[1].URL != "ldap://127.0.0.1:2" {
			t.Errorf("%s: %+v", tc.name, got)
		}
	}
}

// The certificate is shown whose it is where it is trusted.
func TestTryShowsTheCertificate(t *testing.T) {
	certificate := newAuthority(t).server(nil)
	f := start(t, secured(&tls.Config{Certificates: []tls.Certificate{certificate}}, introduced))
	o := options("ldaps://" + f.address)
	o.TLS.InsecureSkipVerify = true
	s := open(t, o).Try(t.Context()).Servers[0]
	if !s.OK || !strings.Contains(s.Steps[1].Detail, "TLS 1.3, ") || !strings.Contains(s.Steps[1].Detail, "pinned_key: "+pinOf(certificate)) {
		t.Errorf("%+v", s)
	}
}
