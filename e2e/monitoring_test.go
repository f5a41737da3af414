//go:build e2e

package e2e_test

import (
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/e2e/fixture"
)

const monitoring = "../docs/monitoring/"

// The alert rules fire when they should.
func TestAlertRules(t *testing.T) {
	for _, args := range [][]string{{"check", "rules", "dialtree-alerts.yaml"}, {"test", "rules", "dialtree-alerts-test.yaml"}} {
		cmd := exec.CommandContext(t.Context(), tool(t, "promtool", "prometheus"), args...)
		cmd.Dir = monitoring
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// connectorMetric is of metrics that a server has only once a connector has run.
var connectorMetric = regexp.MustCompile(`^dialtree_connector_`)

// Every metric that the dashboard and the rules name is one that the server has.
func TestMonitoringNamesRealMetrics(t *testing.T) {
	s := slapd(t, fixture.User{UID: "alice", Password: "right"})
	o := options(t)
	d := dialtree(t, o, upstream(t, plain, s.Address, "", template)+user("alice"))
	bind(t, d, plain, "alice", "right")
	metrics := get(t, d, "/metrics", http.StatusOK)
	name := regexp.MustCompile(`\b(dialtree|process|go)_[a-z0-9_]+\b`)
	asked := 0
	for _, file := range []string{"dialtree-alerts.yaml", "dialtree-dashboard.json"} {
		text := must[[]byte](t)(os.ReadFile(monitoring + file))
		names := name.FindAllString(string(text), -1)
		slices.Sort(names)
		for _, n := range slices.Compact(names) {
			asked++
			if !strings.Contains(metrics, "\n"+n) && !connectorMetric.MatchString(n) && n != "dialtree_certificate_expiry_timestamp_seconds" {
				t.Errorf("%s asks for %s, which the server does not have", file, n)
			}
		}
	}
	if asked < 10 {
		t.Errorf("only %d metrics were found", asked)
	}
}
