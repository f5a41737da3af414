package ldap_test

import (
	"errors"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/dialtree/dialtree/syncer/source"
	"github.com/dialtree/dialtree/syncer/source/ldap"
	"github.com/dialtree/dialtree/syncer/source/ldap/ldaptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func optionsOf(p *ldaptest.Peer, columns ...string) ldap.Options {
	return ldap.Options{
		URLs: []string{"ldap://" + p.Address}, Bases: []string{ldaptest.PeopleDN}, Columns: columns,
		BindDN: ldaptest.ReaderDN, Password: func() (string, error) { return ldaptest.ReaderPassword, nil },
	}
}

func open(t *testing.T, o ldap.Options) *ldap.Source {
	t.Helper()
	s, err := ldap.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// read returns the records as text, values joined by "+", columns by "|" and problems
// in braces, and the error.
func read(t *testing.T, s *ldap.Source) (rows []string, err error) {
	t.Helper()
	for r, err := range s.Records(t.Context()) {
		if err != nil {
			return rows, err
		}
		rows = append(rows, row(r))
	}
	return rows, nil
}

func row(r source.Record) string {
	var cells []string
	for _, v := range r.Values {
		cells = append(cells, strings.Join(v, "+"))
	}
	text := strings.Join(cells, "|")
	if r.Problem != nil {
		text += " {" + r.Problem.Column + ": " + r.Problem.Reason + "}"
	}
	return text
}

var errSecret = errors.New("environment variable PW is not set")

func start(t *testing.T, p *ldaptest.Peer) *ldaptest.Peer {
	t.Helper()
	return p.Start(t)
}
