package ldapserver_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/dialtree/dialtree/authproxy/ldapserver"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	s := run(t, ldapserver.Options{Registerer: registry, Handler: handlerFunc(func(w *ldapserver.ResponseWriter, r *ldapserver.Request) {
		switch r.Message.Op {
		case ldapwire.OpBindRequest:
			w.Bind(ldapwire.InvalidCredentials, "")
		case ldapwire.OpCompareRequest:
			w.Result(4096, "", "")
		default:
			w.Result(ldapwire.Success, "", "")
		}
	})})
	p := s.dial(t)
	p.send(bind(1), bind(2), search(3, ""), ldapwire.AppendAbandonRequest(nil, 4, 3), cancelOf(5, 1),
		ldapwire.AppendCompareRequest(nil, 6, &ldapwire.CompareRequest{}), extended(7, "name from a client", nil), extended(8, oidStartTLS, nil))
	for range 7 {
		p.receive()
	}
	p.send([]byte("x"))
	p.expectNotice(ldapwire.ProtocolError)
	eventually(t, "the connection is counted as closed", func() bool {
		return testutil.CollectAndCount(registry, "dialtree_ldap_connections") == 1 && testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP dialtree_ldap_connections LDAP connections that are open.
# TYPE dialtree_ldap_connections gauge
dialtree_ldap_connections 0
`), "dialtree_ldap_connections") == nil
	})
	if err := testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP dialtree_ldap_requests_total LDAP requests by operation and by the name of the result code; none where an operation has no answer or was abandoned.
# TYPE dialtree_ldap_requests_total counter
dialtree_ldap_requests_total{operation="abandon",result="none"} 1
dialtree_ldap_requests_total{operation="bind",result="invalidCredentials"} 2
dialtree_ldap_requests_total{operation="cancel",result="noSuchOperation"} 1
dialtree_ldap_requests_total{operation="compare",result="unnamed"} 1
dialtree_ldap_requests_total{operation="extended",result="success"} 1
dialtree_ldap_requests_total{operation="invalid",result="protocolError"} 1
dialtree_ldap_requests_total{operation="search",result="success"} 1
dialtree_ldap_requests_total{operation="starttls",result="operationsError"} 1
`), "dialtree_ldap_requests_total"); err != nil {
		t.Error(err)
	}
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
}

func TestTwoServersCannotShareARegisterer(t *testing.T) {
	o := ldapserver.Options{Handler: handlerFunc(succeed), Registerer: prometheus.NewRegistry()}
	if _, err := ldapserver.New(o); err != nil {
		t.Fatal(err)
	}
	if _, err := ldapserver.New(o); err == nil || !strings.Contains(err.Error(), "register metrics") {
		t.Errorf("New: %v", err)
	}
}

// A bind on a warm connection allocates nothing.
func TestBindAllocatesNothing(t *testing.T) {
	s := run(t, ldapserver.Options{Registerer: prometheus.NewRegistry(), Handler: handlerFunc(func(w *ldapserver.ResponseWriter, r *ldapserver.Request) {
		if r.Context().Err() != nil {
			t.Error("the context has ended")
		}
		w.Bind(ldapwire.Success, "")
	})})
	p := s.dial(t)
	request, answer := bind(1), make([]byte, 100)
	exchange := func() {
		_, werr := p.Write(request)
		_, rerr := p.Read(answer)
		if werr != nil || rerr != nil {
			t.Fatal(werr, rerr)
		}
	}
	for range 100 {
		exchange()
	}
	if n := testing.AllocsPerRun(1000, exchange); n > 0 {
		t.Errorf("a bind allocates %v times", n)
	}
}
