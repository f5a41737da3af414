package admin

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dialtree/dialtree/store"
)

// The severities of attention.
const (
	severityCritical = "critical" // logins or phones suffer now
	severityWarning  = "warning"  // they will, or what they get is old
	severityNote     = "note"     // it works, and could be safer
)

const (
	expiresSoon   = 7 * 24 * time.Hour
	expiresLater  = 30 * 24 * time.Hour
	backupTooOld  = 30 * 24 * time.Hour
	manyThrottled = 20 // logins within an hour
	// fullDisk is the share of a disk that is too little when it is less than fullBytes, too:
	// a hundredth of a large disk is plenty.
	fullDisk  = 10 // per cent
	fullBytes = 1 << 30
)

// aheadMost is how far in the future a time may lie that was noted here: more than a change of the clock by an hour or two, which
// is put right soon enough.
const aheadMost = 3 * time.Hour

// ahead tells whether something was noted at a time that has not come yet, because the clock was wrong then: how long ago it
// was nobody knows, and it must not count as fresh until that time has come.
func ahead(noted, now time.Time) bool { return noted.Sub(now) > aheadMost }

// attention finds what somebody should look at.
func (s *Server) attention(o *Overview, ready Readiness, cluster *Cluster, now time.Time) ([]Attention, error) {
	list := append(s.changesAttention(), s.storeAttention(ready)...)
	list = append(list, s.upstreamAttention(o.Upstreams)...)
	list = append(list, s.clusterWatch.attention(cluster, now)...)
	list = append(list, connectorAttention(o.Connectors)...)
	certificates, err := s.certificates()
	if err != nil {
		return nil, err
	}
	list = append(list, certificateAttention(certificates, now)...)
	list = append(list, s.system.Warnings()...)
	unchecked, err := s.uncheckedAttention()
	if err != nil {
		return nil, err
	}
	list = append(list, unchecked...)
	list = append(list, s.roomAttention()...)
	list = append(list, s.backupAttention(o, now)...)
	list = append(list, s.ownBackupAttention()...)
	if n := o.Logins.Throttled; n >= manyThrottled {
		list = append(list, Attention{Severity: severityWarning, Code: "throttled", Subject: "logins",
			Text: fmt.Sprintf("%d logins of the last hour were turned away after too many wrong passwords: a device with an old password, or somebody who guesses. Authentication lists the users and addresses.", n)})
	}
	if list == nil {
		list = []Attention{}
	}
	return worst(list), nil
}

func (s *Server) storeAttention(ready Readiness) []Attention {
	var list []Attention
	for subject, state := range map[string]string{"store": ready.Store, "listeners": ready.Listeners} {
		if state != "ok" {
			list = append(list, Attention{Severity: severityCritical, Code: "not_ready", Subject: subject,
				Text: fmt.Sprintf("The server is not ready: %s. Its log says more.", state)})
		}
	}
	var written *store.WriteError
	if trouble := s.options.Store.Trouble(); errors.As(trouble, &written) {
		list = append(list, Attention{Severity: severityCritical, Code: "not_writable", Subject: "store",
			Text: fmt.Sprintf("No change can be written, while logins and searches go on: %s.", reason(trouble.Error()))})
	}
	s.watch.mu.Lock()
	problems, checked := s.watch.problems, s.watch.checked
	s.watch.mu.Unlock()
	if problems > 0 {
		list = append(list, Attention{Severity: severityCritical, Code: "store_problem", Subject: "store", Since: &checked,
			Text: fmt.Sprintf("The last check of the store found %d problems: run `dialtree check` to see them, and restore the last good backup if they stay.", problems)})
	}
	return list
}

func (s *Server) upstreamAttention(upstreams []UpstreamHealth) []Attention {
	var list []Attention
	for _, u := range upstreams {
		var down []ServerHealth
		for _, server := range u.Servers {
			if !server.Up {
				down = append(down, server)
			}
		}
		switch {
		case len(down) == 0:
		case len(down) == len(u.Servers):
			list = append(list, Attention{Severity: severityCritical, Code: "upstream_down", Subject: u.Name, Since: s.watch.since(u.Name, down[0].URL),
				Text: fmt.Sprintf("No server of the upstream %s answers, so that its users cannot log in: %s. Look whether the directory runs and can be reached from here.", u.Name, reason(down[0].LastError))})
		default:
			for _, server := range down {
				list = append(list, Attention{Severity: severityWarning, Code: "server_down", Subject: u.Name, Since: s.watch.since(u.Name, server.URL),
					Text: fmt.Sprintf("The server %s of the upstream %s does not answer; others do its work: %s. Look whether it runs.", server.URL, u.Name, reason(server.LastError))})
			}
		}
	}
	return list
}

// reason is an error within a sentence.
func reason(text string) string {
	if text == "" {
		return "it does not say why"
	}
	return strings.TrimRight(text, ". ")
}

func connectorAttention(states []ConnectorState) []Attention {
	var list []Attention
	for _, c := range states {
		a := Attention{Severity: severityWarning, Subject: c.Name, Since: c.LastSuccess}
		switch c.State {
		case stateFailed:
			a.Code = "connector_failed"
			a.Text = fmt.Sprintf("The last run of the connector %s failed: %s. Entries stay as they were; run it again when the cause is gone.", c.Name, reason(c.LastError))
		case stateStopped:
			a.Code = "connector_stopped"
			a.Text = fmt.Sprintf("The guard stopped the connector %s: %s. Look at its plan, and confirm it if the source is right.", c.Name, reason(c.LastError))
		case stateStale:
			a.Code = "connector_stale"
			a.Text = fmt.Sprintf("The connector %s has not run when it was due, so that what it fills may be old. Look at its schedule, and run it.", c.Name)
		default:
			continue
		}
		list = append(list, a)
	}
	return list
}

func certificateAttention(list []Certificate, now time.Time) []Attention {
	var out []Attention
	for _, c := range list {
		if c.Error != "" {
			out = append(out, Attention{Severity: severityWarning, Code: "certificate_unreadable", Subject: c.File,
				Text: fmt.Sprintf("The certificate file of %s cannot be used: %s. Correct the file or its permissions.", c.Use, reason(c.Error))})
		}
	}
	for _, c := range expiries(list) {
		left := c.NotAfter.Sub(now)
		a := Attention{Code: "certificate_expires", Subject: c.File, Since: nil}
		date := c.NotAfter.Format(time.DateOnly)
		do := "Replace it: the server takes over what lies there"
		if !c.own() {
			do = "Ask for the new one of the authority"
		}
		switch {
		case now.Before(c.NotBefore):
			a.Code, a.Severity = "certificate_not_yet_valid", severityCritical
			a.Text = fmt.Sprintf("The certificate %s (%s) is not valid before %s: clients and servers refuse it. Look whether this machine's clock is right.",
				c.File, c.Use, c.NotBefore.Format(time.DateTime))
		case left <= 0:
			a.Severity, a.Text = severityCritical, fmt.Sprintf("The certificate %s (%s) expired on %s: clients and servers refuse it. %s.", c.File, c.Use, date, do)
			a.Since = &c.NotAfter
		case left <= expiresSoon:
			a.Severity, a.Text = severityCritical, fmt.Sprintf("The certificate %s (%s) expires on %s, within a week. %s.", c.File, c.Use, date, do)
		case left <= expiresLater:
			a.Severity, a.Text = severityWarning, fmt.Sprintf("The certificate %s (%s) expires on %s. %s.", c.File, c.Use, date, do)
		default:
			continue
		}
		out = append(out, a)
	}
	return out
}

// uncheckedAttention finds objects that take any certificate for the right one.
func (s *Server) uncheckedAttention() ([]Attention, error) {
	var list []Attention
	for _, kind := range []store.ObjectKind{store.ObjectUpstream, store.ObjectConnector} {
		objects, err := s.options.Store.Objects(kind)
		if err != nil {
			return nil, err
		}
		for _, o := range objects {
			if tlsOf(o).InsecureSkipVerify {
				list = append(list, Attention{Severity: severityWarning, Code: "certificate_unchecked", Subject: o.ObjectName(),
					Text: fmt.Sprintf("The %s %s takes any certificate (insecure_skip_verify), so that anybody on the way can read passwords. Set tls.ca_file, or tls.pinned_key.", kind, o.ObjectName())})
			}
		}
	}
	return list, nil
}

func (s *Server) roomAttention() []Attention {
	dir := s.options.Store.Dir()
	free, all, err := diskSpace(dir)
	if err != nil || free >= fullBytes || free*100 >= all*fullDisk {
		return nil
	}
	return []Attention{{Severity: severityCritical, Code: "disk_full", Subject: dir,
		Text: fmt.Sprintf("Only %d MiB are free where the store is (%s): imports fail when there is no room. Make some.", free>>20, dir)}}
}

// backupAttention minds what is worth a backup only.
func (s *Server) backupAttention(o *Overview, now time.Time) []Attention {
	total := 0
	for _, n := range o.Entries {
		total += n
	}
	last := s.marks.get().LastBackup
	a := Attention{Severity: severityNote, Code: "backup", Subject: "store", Since: last}
	switch {
	case total == 0, last != nil && now.Sub(*last) < backupTooOld && !ahead(*last, now):
		return nil
	case last == nil:
		a.Text = "There is no backup yet: download one, or set `backup.dir` in the configuration for one each night."
	default:
		a.Text = fmt.Sprintf("The last backup is of %s: download a new one, or set `backup.dir` in the configuration for one each night.", last.Format(time.DateOnly))
	}
	return []Attention{a}
}
