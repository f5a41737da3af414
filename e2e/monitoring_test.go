//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/e2e/fixture"
)

const monitoring = "../docs/monitoring/"

// promtool runs the tool of Prometheus in a directory.
func promtool(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), tool(t, "promtool", "prometheus"), args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// The alert rules fire when they should.
func TestAlertRules(t *testing.T) {
	promtool(t, monitoring, "check", "rules", "dialtree-alerts.yaml")
	promtool(t, monitoring, "test", "rules", "dialtree-alerts-test.yaml")
}

var (
	alertOfRule = regexp.MustCompile(`- alert: (\w+)`)
	firesNot    = regexp.MustCompile(`alertname: (\w+), eval_time: \w+, exp_alerts: \[\]`)
	fires       = regexp.MustCompile(`alertname: (\w+)(?:\n +|, )eval_time: \w+(?:\n +|, )exp_alerts:(?:\n| [&*])`)
)

// Each alert is tested with what does just not reach it, and with what does.
func TestEveryAlertIsTested(t *testing.T) {
	rules := must[[]byte](t)(os.ReadFile(monitoring + "dialtree-alerts.yaml"))
	tests := must[[]byte](t)(os.ReadFile(monitoring + "dialtree-alerts-test.yaml"))
	alerts := firsts(alertOfRule, rules)
	if len(alerts) < 5 {
		t.Fatalf("only the alerts %v were found", alerts)
	}
	for _, alert := range alerts {
		if !slices.Contains(firsts(firesNot, tests), alert) || !slices.Contains(firsts(fires, tests), alert) {
			t.Errorf("%s is not tested both ways", alert)
		}
	}
}

func firsts(pattern *regexp.Regexp, text []byte) []string {
	var all []string
	for _, match := range pattern.FindAllSubmatch(text, -1) {
		all = append(all, string(match[1]))
	}
	return all
}

// dashboardExpressions returns what the dashboard asks Prometheus for.
func dashboardExpressions(t *testing.T) []string {
	t.Helper()
	var dashboard any
	check(t, json.Unmarshal(must[[]byte](t)(os.ReadFile(monitoring+"dialtree-dashboard.json")), &dashboard))
	var all []string
	var walk func(any)
	walk = func(value any) {
		switch value := value.(type) {
		case []any:
			for _, one := range value {
				walk(one)
			}
		case map[string]any:
			if expr, ok := value["expr"].(string); ok {
				all = append(all, expr)
			}
			for _, one := range value {
				walk(one)
			}
		}
	}
	walk(dashboard)
	if len(all) < 10 {
		t.Fatalf("only %d expressions were found", len(all))
	}
	return all
}

// variables stand for what Grafana puts in place of the variables of the dashboard.
var variables = strings.NewReplacer("$__rate_interval", "5m", "$__range", "1h", "$instance", ".*")

// Prometheus understands every expression of the dashboard.
func TestDashboardExpressions(t *testing.T) {
	rules := "groups:\n  - name: dashboard\n    rules:\n"
	for i, expr := range dashboardExpressions(t) {
		expr = variables.Replace(expr)
		if strings.Contains(expr, "$") {
			t.Errorf("%s: a variable is not known here", expr)
		}
		rules += fmt.Sprintf("      - {record: 'panel:%d', expr: %s}\n", i, must[[]byte](t)(json.Marshal(expr)))
	}
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "dashboard.yaml"), []byte(rules), 0o600))
	promtool(t, dir, "check", "rules", "dashboard.yaml")
}

// Every metric that the dashboard and the rules name is one that the server has, once somebody has logged in and
// searched, and a connector has run and another one has failed.
func TestMonitoringNamesRealMetrics(t *testing.T) {
	s := slapd(t, fixture.User{UID: "alice", Password: "right"})
	file := filepath.Join(t.TempDir(), "staff.csv")
	check(t, os.WriteFile(file, []byte("username,displayname\nbob,Bob\ncarol,Carol\n"), 0o600))
	d := dialtree(t, options(t), upstream(t, plain, s.Address, "", template)+user("alice")+csvConnector("staff", file)+csvConnector("lost", file+".missing"))
	bind(t, d, plain, "alice", "right")
	command(t, d, 0, "", "connector", "run", "staff")
	command(t, d, 1, "", "connector", "run", "lost")
	metrics := get(t, d, "/metrics", http.StatusOK)
	name := regexp.MustCompile(`\b(dialtree|process|go)_[a-z0-9_]+\b`)
	asked := map[string]bool{}
	for _, file := range []string{"dialtree-alerts.yaml", "dialtree-dashboard.json"} {
		for _, n := range name.FindAllString(string(must[[]byte](t)(os.ReadFile(monitoring+file))), -1) {
			asked[n] = true
		}
	}
	for n := range asked {
		if strings.HasPrefix(n, "dialtree_cluster_") {
			continue // of nodes that share their content; this server is alone
		}
		// The name of a series is followed by its labels or its value: a name that begins alike is another one.
		if !strings.Contains(metrics, "\n"+n+"{") && !strings.Contains(metrics, "\n"+n+" ") {
			t.Errorf("the server does not have %s", n)
		}
	}
	if len(asked) < 10 {
		t.Errorf("only %d metrics were found", len(asked))
	}
	for _, want := range []string{
		`dialtree_connector_last_success_timestamp_seconds{connector="staff"}`,
		`dialtree_connector_changes_total{change="created",connector="staff"} 2`,
		`dialtree_certificate_expiry_timestamp_seconds{use="ldap"}`,
	} {
		if !strings.Contains(metrics, "\n"+want) {
			t.Errorf("/metrics has no %s", want)
		}
	}
	if strings.Contains(metrics, `last_success_timestamp_seconds{connector="lost"}`) {
		t.Error("a connector that failed has a success")
	}
}

// csvConnector is a connector of users who do not log in.
func csvConnector(name, file string) string {
	return fmt.Sprintf("---\nkind: connector\nname: %s\ntemplate: csv-users\nsource: {csv: {path: %q}}\nauthentication: {method: none}\n", name, file)
}
