package page

import (
	"github.com/dialtree/dialtree/admin"
)

func (p *Page) overviewRoutes() {
	p.handle("GET /{$}", func(r *request) error {
		overview, err := r.page.api.Overview(r.Context())
		if err != nil {
			return err
		}
		trends, err := r.page.api.Trends(r.Context(), 24)
		if err != nil {
			return err
		}
		return r.show("overview", text("Overview"), overviewData{Overview: overview, Logins: loginChart(trends), Times: timeChart(trends), Searches: searchChart(trends)})
	})
}

// overviewData is what the overview shows.
type overviewData struct {
	*admin.Overview
	Logins, Times, Searches *chart
}

// Health is the word for how logins are: good, bad, or quiet when there were none.
func (d overviewData) Health() string {
	f := d.Overview.Logins
	all := f.Accepted + f.Refused + f.Throttled + f.NotFoundOut
	switch {
	case f.NotFoundOut > 0 && f.NotFoundOut*20 >= all:
		return "bad"
	case all == 0:
		return "quiet"
	}
	return "good"
}

// Open are the steps of setting up that are still to be done.
func (d overviewData) Open() int {
	open := 0
	for _, s := range d.Checklist {
		if !s.Done {
			open++
		}
	}
	return open
}

// A step says what a step of setting up is, and where it is done.
type step struct {
	Title text
	Help  text
	Path  string
}

// steps are the steps of admin.ChecklistStep by their code.
var steps = map[string]step{
	"upstream":  {text("Connect your directory"), text("Where passwords are checked: Active Directory, OpenLDAP, UCS."), "/authentication"},
	"users":     {text("Import your users"), text("A connector fetches them and keeps them up to date."), "/connectors/new"},
	"login":     {text("Test a login"), text("Try one name and password and see each step."), "/authentication/test"},
	"phonebook": {text("Fill a phonebook"), text("Import customers and partners from a file or a directory."), "/phonebooks"},
	"device":    {text("Add a device"), text("The account that phones use to search."), "/phones"},
	"phone":     {text("Set up a phone"), text("Settings to paste, for 31 makes."), "/phones/settings"},
	"tls":       {text("Protect passwords with TLS"), text("A certificate for the phones' connections."), "/system"},
	"schedule":  {text("Import by schedule"), text("So that changes arrive by themselves."), "/connectors"},
	"backup":    {text("Download a backup"), text("Keep it as you keep passwords."), "/system"},
}

// Step returns what is known of a step; the zero step for a code that is not.
func (overviewData) Step(code string) step { return steps[code] }

// attentionTexts say what is the matter, by the code of admin.Attention; %s is its subject.
var attentionTexts = map[string]text{
	"upstream_down":              text("Upstream %s cannot be reached: logins that it checks cannot be answered."),
	"server_down":                text("A server of upstream %s cannot be reached: others take over."),
	"connector_failed":           text("The last run of connector %s failed."),
	"connector_stopped":          text("Connector %s was stopped by its guard: look at the plan, then confirm it."),
	"connector_stale":            text("Connector %s has had no success for longer than its schedule says."),
	"certificate_expires":        text("The certificate %s expires soon or has expired: replace it."),
	"certificate_not_yet_valid":  text("The certificate %s is not valid yet: look whether this machine's clock is right."),
	"certificate_not_taken_over": text("The certificate %s was changed and cannot be used: the one before is shown. Put a certificate and its own key in place."),
	"certificate_unreadable":     text("The certificate file %s cannot be used: correct it or its permissions."),
	"certificate_unchecked":      text("Upstream or connector %s takes any certificate, so that anybody on the way can read passwords: set an authority or a key to be trusted."),
	"no_tls":                     text("%s works without TLS: what goes over it, passwords among it, can be read on the way."),
	"disk_full":                  text("The disk of %s is nearly full: imports will fail."),
	"backup":                     text("No backup was made here in the last 30 days."),
	"backup_failed":              text("The last backup to %s could not be written: it is tried again."),
	"not_ready":                  text("The server is not ready (%s): its log says more."),
	"not_writable":               text("No change can be written to this server's disk: logins and searches go on."),
	"store_problem":              text("The last check of the store found damage: run dialtree check on the server, and restore the last good backup if it stays."),
	"open_to_all":                text("The setting %s is seldom meant like that: dialtree config check says why."),
	"few_descriptors":            text("The machine lets the server open fewer files than %s needs: raise the limit."),
	"not_changing":               text("Node %s is serving, not changing: logins and searches go on, and nothing can be changed until etcd is back."),
	"node_trouble":               text("Node %s has trouble: look at its overview and its log."),
	"node_behind":                text("Node %s is behind: its phones are answered with old names and numbers."),
	"node_missing":               text("Node %s is gone: look whether it runs and reaches etcd."),
	"no_elected":                 text("No node runs the schedules: connectors run by hand only."),
	"snapshot_old":               text("The latest snapshot of the content is old: etcd fills up, and new nodes take long."),
	"etcd_full":                  text("etcd is full: logins and searches go on, and nothing can be changed until there is room and its alarm is disarmed."),
	"etcd_member":                text("The server %s of etcd is not well: when most of them are away, nothing can be changed."),
	"etcd_few":                   text("etcd has fewer than three servers: while one is away, nothing can be changed."),
	"throttled":                  text("Many users are throttled: somebody may be guessing passwords."),
}

// AttentionText returns the text of an attention with its subject in it.
func (overviewData) AttentionText(code string) text { return attentionTexts[code] }

// attentionPath is where an attention is attended to.
func attentionPath(a admin.Attention) string {
	switch a.Code {
	case "upstream_down", "server_down", "throttled":
		return "/authentication"
	case "not_changing", "node_trouble", "node_behind", "node_missing", "no_elected", "snapshot_old", "etcd_full", "etcd_member", "etcd_few":
		return "/system/nodes"
	case "connector_failed", "connector_stopped", "connector_stale":
		return "/connectors/" + a.Subject
	}
	return "/system"
}

// AttentionPath is attentionPath for the template.
func (overviewData) AttentionPath(a admin.Attention) string { return attentionPath(a) }
