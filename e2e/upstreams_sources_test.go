//go:build e2e

package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/chaos"
	"github.com/dialtree/dialtree/e2e/fixture"
	"github.com/dialtree/dialtree/e2e/torture"
)

// A connector fetches people through every fault there is: it does all or nothing, and nobody is ever removed for what a fault left out.
func TestTortureUpstreamsSources(t *testing.T) {
	s := peopleDirectory(t)
	p := must[*chaos.Proxy](t)(chaos.NewProxy(chaos.Options{Target: s.Address, Seed: chaosSeed(t), Patience: chaosBindTimeout}))
	t.Cleanup(p.Close)
	connector := func(name, address string) string {
		return fmt.Sprintf("---\nkind: connector\nname: %s\ntemplate: ldap-users\nmode: mirror\nlimits: {removals: 100%%}\nsource:\n  ldap: {urls: [\"ldap://%s\"], base: %q, "+
			"bind_dn: %q, password: right-reader, page_size: 40}\n", name, address, "ou=staff,"+fixture.SlapdBase, fixture.SlapdDN("reader"))
	}
	d := dialtree(t, options(t), connector("people", p.Address))
	done(t, d, "people", counts{Created: directoryPeople})
	people := func() string {
		t.Helper()
		return command(t, d, 0, "", "get", "user", "-o", "csv").Stdout
	}
	before := people()

	runs, failed := 0, 0
	faults := slices.Concat(chaos.SearchFaults, chaos.MessageFaults, chaos.ConnectionFaults)
	for i, f := range faults {
		if !torture.Long() && i >= len(chaos.SearchFaults) && i%3 != 0 {
			continue // each is in the mix below
		}
		p.Set(chaos.Mix{Chance: .4, Faults: faults[i : i+1]})
		for range torture.Pick(1, 4) {
			runs++
			if fetchInChaos(t, d, p, string(f)) != "done" {
				failed++
			}
		}
	}
	p.Set(chaos.Mix{Chance: .2, Faults: faults})
	for range torture.Pick(6, 40) {
		runs++
		if fetchInChaos(t, d, p, "all at once") != "done" {
			failed++
		}
	}
	p.Set(chaos.Mix{})
	if after := people(); after != before {
		t.Errorf("the users are not what they were: %d lines before, %d after", strings.Count(before, "\n"), strings.Count(after, "\n"))
	}
	done(t, d, "people", counts{Unchanged: directoryPeople})
	torture.Note(t, upstreamsPart, "a connector that fetches 300 people in chaos, removals unlimited", torture.Dialtree, "%d runs, %d failed and said why, %d done; 0 people removed or changed", runs, failed, runs-failed)
}

// fetchInChaos runs the connector and expects all or nothing. What hangs is cut after a while, as a firewall does.
func fetchInChaos(t *testing.T, d *fixture.Dialtree, p *chaos.Proxy, fault string) string {
	t.Helper()
	firewall := time.AfterFunc(1500*time.Millisecond, func() {
		p.Set(chaos.Mix{Chance: 1, Faults: []chaos.Fault{chaos.CutAnswer}})
		p.Cut()
	})
	mix := p.Mix()
	got := runConnector(t, d, "people")
	firewall.Stop()
	p.Set(mix)
	nothing := counts{}
	switch {
	case got.Result == "done" && got.counts == (counts{Unchanged: directoryPeople}):
	case got.Result != "done" && got.Created+got.Updated+got.Removed == 0 && got.Error != "":
	default:
		t.Errorf("%s: %+v, want all or %+v", fault, got, nothing)
	}
	if strings.Contains(got.Error, "panic") || strings.Contains(got.Error, "goroutine") {
		t.Errorf("%s: %s", fault, got.Error)
	}
	return got.Result
}
