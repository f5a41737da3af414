package syncer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dialtree/dialtree/store"
)

// A namedReject is a rejected record and what people call it.
type namedReject struct {
	store.Reject
	name string
}

func (p *plan) reject(row int, why *rejection, name string) {
	p.rejected++
	if len(p.rejects) < maxShown {
		p.rejects = append(p.rejects, namedReject{
			Reject: store.Reject{Row: row, Column: strings.Clone(why.column), Reason: why.reason},
			name:   strings.Clone(shorten(name)),
		})
	}
}

// entry plans what becomes of a record that is fine: nothing, a new entry or a change of one.
func (p *plan) entry(row int, w *wanted, k *known) error {
	password := p.password(w, k)
	if k.id != "" && !k.exact && password == "" && k.hash == p.hash(w.values, &p.job.auth) {
		if no := p.takeName(row, w.values); no != nil {
			p.reject(row, no, w.values.First(nameField(p.job.kind)))
			return nil
		}
		k.row = row
		p.accepted++
		p.unchanged++
		return nil
	}
	e := store.Entry{Kind: p.job.kind, Phonebook: p.job.phonebook, Owner: p.job.connector, Key: k.key, Values: w.values, Auth: p.job.auth}
	var old *store.Entry
	if k.id != "" {
		stored, err := p.store.Entry(store.Ref{Kind: p.job.kind, ID: k.id})
		if err != nil {
			return changedMeanwhile(err, k, p.job.kind)
		}
		old = &stored
		p.merge(&e, old)
		if e.LocalAuth {
			password = ""
		}
	}
	no, holder, err := p.claimName(row, &e)
	if err != nil {
		return err
	}
	if no != nil {
		p.reject(row, no, e.Name())
		return nil
	}
	k.row = row
	p.accepted++
	if old != nil && password == "" && same(&e, old) {
		p.unchanged++
		return nil
	}
	p.add(row, e, old, password)
	if holder != "" {
		p.claims = append(p.claims, claim{put: len(p.put) - 1, holder: holder})
	}
	if k.id == "" {
		p.known[k.key] = k
	}
	return nil
}

// password returns what has to be hashed. A password in the source is the first one: once a user has one, it is
// the user's, and finding out whether the source's differs would cost a login's work for every user in every run.
func (p *plan) password(w *wanted, k *known) string {
	switch {
	case p.job.auth.Method != store.AuthInternal:
		if w.password != "" {
			p.ignored++
		}
		return ""
	case k.hasPassword:
		return ""
	case w.password == "":
		p.missing++
	}
	return w.password
}

// merge gives an entry what it keeps of the one that it replaces: the ID, and whatever an administrator changed by hand.
func (p *plan) merge(e, old *store.Entry) {
	e.ID, e.Local, e.LocalAuth, e.Created = old.ID, old.Local, old.LocalAuth, old.Created
	for _, f := range old.Local.Fields() {
		e.Values = e.Values.With(f, old.Values.All(f)...)
	}
	if old.LocalAuth {
		e.Auth = old.Auth
		return
	}
	e.Auth.Disabled = old.Auth.Disabled
	if e.Auth.Method == store.AuthInternal {
		e.Auth.Hash = old.Auth.Hash
	}
}

func same(a, b *store.Entry) bool {
	return a.Phonebook == b.Phonebook && a.Auth == b.Auth && a.Hidden() == b.Hidden() && slices.Equal(a.Values, b.Values)
}

// add keeps an entry to be put. Its texts are copied, so that it does not hold on to the whole row.
func (p *plan) add(row int, e store.Entry, old *store.Entry, password string) {
	e.Values = slices.Clone(e.Values)
	for i := range e.Values {
		e.Values[i].Text = strings.Clone(e.Values[i].Text)
	}
	a := about{row: row, password: strings.Clone(password)}
	if old != nil {
		a.seq = old.Seq
		if len(p.put) < maxShown {
			a.old = old
		}
	}
	p.put = append(p.put, e)
	p.about = append(p.about, a)
}

// nothingLeft says why a source with records comes to no entry at all. Such a run is never applied, whatever the limits say.
func (p *plan) nothingLeft() error {
	if p.rejected == 0 {
		return fmt.Errorf("the filter leaves none of %s: nothing was changed: check the filter", plural(p.filtered, "record"))
	}
	return fmt.Errorf("all records, %d, were rejected: nothing was changed; %s", p.rejected, p.firstReject())
}
