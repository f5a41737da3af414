package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/peertrust"
)

// PhaseAsk is the phase of a Trial that asks a server what it is and, in search mode, binds as the search account.
const PhaseAsk Phase = "ask"

// exampleLogin is who a Trial's example is for.
const exampleLogin = "alice"

// A Trial is how the servers of an upstream answered.
type Trial struct {
	Servers []ServerTrial // in the order of the URLs
	Example string        // the bind name that alice gets, or what would be searched for her
}

// A ServerTrial is how one server answered.
type ServerTrial struct {
	URL   string
	OK    bool
	Steps []Step // up to the one that failed
}

// Try connects anew to each server, past quarantines, and asks it what it is. It counts nothing against a server; a search
// account that is refused counts at the directory like any other. It ends with ctx at the latest.
func (u *Upstream) Try(ctx context.Context) *Trial {
	t := &Trial{Servers: make([]ServerTrial, len(u.servers)), Example: u.example()}
	var servers sync.WaitGroup
	for i, s := range u.servers {
		servers.Go(func() { t.Servers[i] = u.try(ctx, s) })
	}
	servers.Wait()
	return t
}

func (u *Upstream) example() string {
	if u.search != nil {
		return fmt.Sprintf("%s below %s", strings.ReplaceAll(u.search.text, "%", exampleLogin), u.search.base)
	}
	name, err := u.BindName(exampleLogin)
	if err != nil {
		return "" // neither a template nor a search: every bind comes with a recorded DN
	}
	return name
}

func (u *Upstream) try(ctx context.Context, s *server) ServerTrial {
	t := ServerTrial{URL: s.url}
	observe := func(step Step) { t.Steps = append(t.Steps, step) }
	dialling, cancel := context.WithTimeout(ctx, u.opts.ConnectTimeout)
	defer cancel()
	c, failure := u.network.dial(dialling, s, observe)
	if failure != nil {
		t.failed(failure)
		return t
	}
	defer c.part()
	if tc, ok := c.rw.(*tls.Conn); ok {
		step := &t.Steps[len(t.Steps)-1]
		step.Detail += "; " + describe(tc.ConnectionState().PeerCertificates[0])
	}
	begin := time.Now()
	deadline := begin.Add(u.opts.BindTimeout)
	if d, ok := ctx.Deadline(); ok {
		deadline = earlier(deadline, d)
	}
	stop := context.AfterFunc(ctx, func() { _ = c.rw.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	detail, err := c.ask(deadline)
	if err == nil && u.search != nil && u.search.bindDN != "" {
		detail += fmt.Sprintf("; the search account %s ", u.search.bindDN)
		answer, fault := u.search.introduce(c)
		if err = errors.Join(answer, fault); err == nil {
			detail += "is accepted"
		} else {
			detail += "is not accepted"
		}
	}
	observe(Step{Phase: PhaseAsk, Server: s.address, Detail: detail, Duration: time.Since(begin), Err: err})
	t.OK = err == nil
	return t
}

// failed makes sure that the last step says why, and shows a certificate that was not trusted.
func (t *ServerTrial) failed(failure *UnavailableError) {
	if n := len(t.Steps); n == 0 || t.Steps[n-1].Err == nil {
		t.Steps = append(t.Steps, Step{Phase: failure.Phase, Server: failure.Server})
	}
	step := &t.Steps[len(t.Steps)-1]
	step.Err = failure // with its hint
	var untrusted *tls.CertificateVerificationError
	if errors.As(failure.Err, &untrusted) && len(untrusted.UnverifiedCertificates) > 0 {
		step.Detail = describe(untrusted.UnverifiedCertificates[0])
	}
}

// describe says who a certificate is for and until when, and its key's pin to paste as tls.pinned_key.
func describe(c *x509.Certificate) string {
	names := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		names = []string{c.Subject.String()}
	}
	const most = 5
	more := ""
	if len(names) > most {
		names, more = names[:most], " and more"
	}
	return fmt.Sprintf("the certificate is for %s%s, from %s, until %s; pinned_key: %s",
		printable([]byte(strings.Join(names, ", "))), more, printable([]byte(c.Issuer.String())), c.NotAfter.UTC().Format(time.DateOnly), peertrust.PinOf(c))
}

// ask reads what the server says of itself in its root DSE (RFC 4512, section 5.1). One that shows it to nobody is a server all
// the same.
func (c *conn) ask(deadline time.Time) (string, error) {
	_ = c.rw.SetDeadline(deadline)
	attributes := [][]byte{[]byte("vendorName"), []byte("vendorVersion"), []byte("namingContexts"), []byte("forestFunctionality")}
	c.out = ldapwire.AppendSearchRequest(c.out, c.nextID(), &ldapwire.SearchRequest{
		Scope:      ldapwire.ScopeBaseObject,
		SizeLimit:  1,
		Filter:     ldapwire.Filter{Kind: ldapwire.FilterPresent, Attribute: []byte("objectClass")},
		Attributes: attributes,
	})
	if err := c.send(); err != nil {
		return "", err
	}
	said := map[string][]string{}
	for {
		m, err := c.receive()
		if err != nil {
			return "", err
		}
		switch m.Op {
		case ldapwire.OpSearchResultEntry:
			for _, a := range m.Entry.Attributes {
				key := strings.ToLower(string(a.Type))
				for _, v := range a.Values[:min(len(a.Values), 20)] {
					said[key] = append(said[key], printable(v))
				}
			}
		case ldapwire.OpSearchResultReference:
		case ldapwire.OpSearchResultDone:
			if m.Result.Code != ldapwire.Success {
				return fmt.Sprintf("it does not tell what it is: %v", answered(&m.Result)), nil
			}
			return introduction(said), nil
		case ldapwire.OpExtendedResponse:
			// Some servers that know no searches refuse them with another operation's answer: they may check passwords all the same.
			return fmt.Sprintf("it does not tell what it is, and answers a search with another kind of answer: %v", answered(&m.Result)), nil
		default:
			return "", errWrongOp
		}
	}
}

// introduction is what a root DSE says in a sentence. Active Directory does not tell its name, but has a
// forest.
func introduction(said map[string][]string) string {
	vendor := strings.Join(append(said["vendorname"], said["vendorversion"]...), " ")
	switch {
	case vendor == "" && said["forestfunctionality"] != nil:
		vendor = "Active Directory"
	case vendor == "":
		vendor = "a directory that does not tell its name"
	}
	if contexts := said["namingcontexts"]; len(contexts) > 0 {
		vendor += "; naming contexts: " + strings.Join(contexts, "; ")
	}
	return vendor
}
