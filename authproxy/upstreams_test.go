package authproxy

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dialtree/dialtree/store"
)

// A cluster's content can be replaced by one whose changes have smaller numbers: the next login asks the upstreams of that one.
func TestUpstreamsOfAContentWithSmallerNumbers(t *testing.T) {
	s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	point := func(host string) {
		t.Helper()
		corp := &store.Upstream{Name: "corp", URLs: []string{"ldap://" + host}, BindDN: "uid=%,dc=example"}
		if _, err := s.Apply(t.Context(), &store.Changes{PutObjects: []store.Object{corp}}); err != nil {
			t.Fatal(err)
		}
	}
	u := newUpstreams(s, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	asks := func(host string) {
		t.Helper()
		if c, err := u.get("corp"); err != nil || !strings.Contains(string(c.config), host) {
			t.Errorf("it asks %s, not %s: %v", c.config, host, err)
		}
	}
	point("first.example")
	var content bytes.Buffer
	if _, err := s.WriteContent(t.Context(), &content); err != nil {
		t.Fatal(err)
	}
	point("second.example")
	point("third.example")
	if err := s.Begin(t.Context(), "5f1c0de0-0000-4000-8000-000000000001", [32]byte{1}); err != nil {
		t.Fatal(err)
	}
	asks("third.example")
	if err := s.ReplaceContent(t.Context(), store.Position{Index: 9, Chain: [32]byte{2}}, &content); err != nil {
		t.Fatal(err)
	}
	asks("first.example")
}
