package admin_test

import (
	"strings"
	"testing"

	"github.com/dialtree/dialtree/admin"
)

// A connector can set up the upstream that its users log in at; one that exists stays
// as an administrator made it.
func TestConnectorSetsUpItsUpstream(t *testing.T) {
	b := start(t)
	const connector = "kind: connector\nname: staff\ntemplate: csv-users\nsource: {csv: {path: a.csv}}\nauthentication: true\n"
	effects := func(applied []admin.Applied) string {
		var list []string
		for _, a := range applied {
			list = append(list, a.Effect+" "+string(a.Kind)+" "+a.Name)
		}
		return strings.Join(list, ", ")
	}
	if got, want := effects(b.apply(t, connector)), "created connector staff, created upstream staff"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	c, err := b.store.Connector("staff")
	if err != nil || c.Authentication == nil || c.Authentication.Upstream != "staff" || c.Authentication.Method != "upstream" {
		t.Errorf("%+v, %v", c, err)
	}
	if got, want := effects(b.apply(t, connector)), "unchanged connector staff"; got != want {
		t.Errorf("again: %s, want %s", got, want)
	}
	own := "---\nkind: upstream\nname: staff\nurls: [ldaps://dc2]\nbind_dn: '%@example.com'\n"
	if got, want := effects(b.apply(t, connector+own)), "unchanged connector staff, updated upstream staff"; got != want {
		t.Errorf("beside an upstream: %s, want %s", got, want)
	}
	if u, err := b.store.Upstream("staff"); err != nil || u.URLs[0] != "ldaps://dc2" {
		t.Errorf("%+v, %v", u, err)
	}
}

func TestConnectorThatCannotSetUpAnUpstream(t *testing.T) {
	b := start(t)
	_, answer := b.raw(t, "POST", "/api/v1/apply", `{"files":[{"name":"c.yaml","text":"kind: connector\nname: staff\ntemplate: csv-users\n`+
		`source: {csv: {path: a.csv}}\nfilter: a\nauthentication: true\n"}]}`)
	if !strings.Contains(answer, `"location":"authentication"`) || !strings.Contains(answer, `"line":6`) {
		t.Error(answer)
	}
	if _, err := b.store.Connector("staff"); err == nil {
		t.Error("the connector was stored all the same")
	}
}
