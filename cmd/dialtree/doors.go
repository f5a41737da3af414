package main

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/admin/phonesettings"
	"github.com/dialtree/dialtree/authproxy"
	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer"
)

// logins is what the admin side needs of the front.
type logins struct {
	front  *authproxy.Front
	hasher *authproxy.Hasher
}

func (l *logins) TestLogin(ctx context.Context, login string, password []byte, by admin.Tester) admin.LoginTest {
	t := l.front.TestLogin(ctx, login, password, authproxy.Tester(by))
	shown := admin.LoginTest{Login: login, Outcome: t.Outcome.String(), ResultCode: int(t.Code), ResultName: t.Result, Reason: t.Reason}
	for _, s := range t.Steps {
		shown.Steps = append(shown.Steps, admin.LoginStep{Name: s.Name, Detail: s.Detail, OK: s.OK, Duration: s.Duration})
	}
	return shown
}

func (l *logins) HashPassword(ctx context.Context, password []byte, current store.Secret) (store.Secret, error) {
	if err := authproxy.CheckNewPassword(string(password)); err != nil {
		return store.Secret{}, &store.FieldError{Path: "password", Message: err.Error()}
	}
	if hash, err := current.Resolve(); err == nil && hash != "" {
		if same, err := l.hasher.Verify(ctx, hash, password); err == nil && same {
			return current, nil
		}
	}
	hash, err := l.hasher.Hash(ctx, password)
	if err != nil {
		return store.Secret{}, err
	}
	return store.Literal(hash), nil
}

// hashImported hashes the password of an imported user.
func (l *logins) hashImported(password string) (store.Secret, error) {
	return l.HashPassword(context.Background(), []byte(password), store.Secret{})
}

// syncerDoor shows the syncer to the admin side.
type syncerDoor struct{ *syncer.Syncer }

func (d syncerDoor) Import(ctx context.Context, connector string, o admin.ImportOptions) (*admin.Report, error) {
	return shownReport(d.Syncer.Import(ctx, connector, importOptions(o)))
}

func (d syncerDoor) ImportFile(ctx context.Context, f admin.HandFile, o admin.ImportOptions) (*admin.Report, error) {
	return shownReport(d.Syncer.ImportFile(ctx, syncer.HandFile(f), importOptions(o)))
}

func importOptions(o admin.ImportOptions) syncer.ImportOptions {
	options := syncer.ImportOptions{DryRun: o.DryRun, Confirm: o.Confirm, By: o.By}
	if o.Progress != nil {
		options.Progress = func(p syncer.Progress) { o.Progress(admin.Progress(p)) }
	}
	return options
}

func (d syncerDoor) Undo(ctx context.Context, run, by string) (*admin.Report, error) {
	return shownReport(d.Syncer.Undo(ctx, run, by))
}

func (d syncerDoor) Preview(ctx context.Context, connector string, records int) (*admin.Preview, error) {
	p, err := d.Syncer.Preview(ctx, connector, records)
	if err != nil {
		return nil, err
	}
	shown := shownPreview(p)
	return &shown, nil
}

func shownPreview(p *syncer.Preview) admin.Preview {
	shown := admin.Preview{Notes: p.Notes, Error: p.Error, Records: make([]admin.PreviewedRecord, len(p.Records))}
	for i, r := range p.Records {
		shown.Records[i] = admin.PreviewedRecord{
			Row: r.Row, Source: shownValues(r.Source), Entry: shownValues(r.Entry), LeftOut: r.LeftOut, Column: r.Column, Reason: r.Reason, Notes: r.Notes,
		}
	}
	return shown
}

func shownValues(list []syncer.NamedValues) []admin.NamedValues {
	var shown []admin.NamedValues
	for _, v := range list {
		shown = append(shown, admin.NamedValues(v))
	}
	return shown
}

func (d syncerDoor) Next(connector string) (time.Time, bool) {
	s, ok := d.Syncer.Schedule(connector)
	return s.Next, ok && !s.Next.IsZero()
}

func (d syncerDoor) Templates() []admin.Template {
	var shown []admin.Template
	for _, t := range syncer.Templates() {
		made := admin.Template{Name: t.Name, Title: t.Title, Help: t.Help, YAML: t.YAML, Source: t.Source, Target: t.Target, Key: t.Key, Filter: t.Filter}
		for _, v := range t.Variables {
			made.Variables = append(made.Variables, admin.TemplateVariable(v))
		}
		shown = append(shown, made)
	}
	return shown
}

func (d syncerDoor) NewConnector(template, name string) (string, error) {
	return syncer.NewConnector(template, name)
}

// devicesDoor shows the devices to the admin side.
type devicesDoor struct{ front *authproxy.Front }

func (d devicesDoor) Login(ctx context.Context, client netip.AddrPort, name string, secret []byte) (string, error) {
	device, outcome := d.front.LoginDevice(ctx, client, name, secret)
	return device, loginError(outcome)
}

func (d devicesDoor) Phonebook(ctx context.Context, device, name string) (admin.ReadablePhonebook, bool, error) {
	p, ok, err := d.front.Phonebook(ctx, device, name)
	return admin.ReadablePhonebook(p), ok, err
}

// upstreamsDoor shows the upstreams to the admin side.
type upstreamsDoor struct{ front *authproxy.Front }

func (d upstreamsDoor) Check(o *store.Upstream) error { return authproxy.CheckUpstream(o) }

func (d upstreamsDoor) Health() []admin.UpstreamHealth {
	var all []admin.UpstreamHealth
	for name, servers := range d.front.Health() {
		shown := admin.UpstreamHealth{Name: name}
		for _, s := range servers {
			h := admin.ServerHealth{URL: s.URL, Up: s.Up, LastError: s.LastError}
			if !s.QuarantinedUntil.IsZero() {
				until := s.QuarantinedUntil
				h.QuarantinedUntil = &until
			}
			shown.Servers = append(shown.Servers, h)
		}
		all = append(all, shown)
	}
	slices.SortFunc(all, func(a, b admin.UpstreamHealth) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// directoryDoor shows the directory to the admin side.
type directoryDoor struct{ front *authproxy.Front }

func (d directoryDoor) LookUp(ctx context.Context, text string, as store.Reader) (*admin.Lookup, error) {
	found, err := d.front.LookUp(ctx, text, as)
	if err != nil {
		return nil, err
	}
	shown := &admin.Lookup{Steps: make([]admin.LookupStep, len(found.Steps))}
	for i, s := range found.Steps {
		step := admin.LookupStep{Title: s.Title, Filter: s.Filter, More: s.More, Entries: make([]admin.LookupEntry, len(s.Found))}
		for j, e := range s.Found {
			step.Entries[j] = admin.LookupEntry{
				Name: strings.Join(e.Values["cn"], ", "), Organisation: strings.Join(e.Values["o"], ", "),
				Phone: e.Values["telephoneNumber"], Mobile: e.Values["mobile"], HomePhone: e.Values["homePhone"],
				Fax: e.Values["facsimileTelephoneNumber"], DN: e.DN,
			}
		}
		shown.Steps[i] = step
	}
	return shown, nil
}

// frontDoor tells the admin side where phones find the front.
func (n *node) frontDoor(startTLS bool) admin.Front {
	return admin.Front{
		Listeners:   n.phoneListeners,
		StartTLS:    startTLS,
		RequireTLS:  n.config.LDAP.RequireTLS,
		BaseDN:      n.front.BaseDN(),
		UsersDN:     n.front.UsersDN(),
		PhonebookDN: n.front.PhonebookDN,
		DeviceDN:    n.front.DeviceDN,
	}
}

// phoneListeners are the addresses that phones may connect to.
func (n *node) phoneListeners() []phonesettings.Listener {
	var all []phonesettings.Listener
	for _, l := range n.ldapListeners {
		if address, ok := l.Addr().(*net.TCPAddr); ok {
			all = append(all, phonesettings.Listener{Address: address.AddrPort(), TLS: l.TLS})
		}
	}
	return all
}

// shownReport turns a report of the syncer into one of the admin side.
func shownReport(r *syncer.Report, err error) (*admin.Report, error) {
	var running *syncer.RunningError
	if errors.As(err, &running) {
		return nil, admin.Conflict(err.Error())
	}
	if err != nil {
		return nil, err
	}
	return &admin.Report{Run: r.Run, DryRun: r.DryRun, Notes: r.Notes, Changes: shownChanges(r.Changes), More: r.More()}, nil
}

func shownChanges(list []syncer.PlannedChange) []admin.PlannedChange {
	var shown []admin.PlannedChange
	for _, c := range list {
		change := admin.PlannedChange{Change: c.Change, Name: c.Name, ID: c.ID, Row: c.Row, Column: c.Column, Reason: c.Reason}
		for _, f := range c.Fields {
			change.Fields = append(change.Fields, admin.FieldChange(f))
		}
		shown = append(shown, change)
	}
	return shown
}
