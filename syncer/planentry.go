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
	auth := p.job.auth
	auth.DN = w.dn
	if k.id != "" && !k.exact && password == "" && k.hash == p.hash(w.values, &auth) {
		if no := p.takeName(row, w.values); no != nil {
			p.reject(row, no, w.values.First(nameField(p.job.kind)))
			return nil
		}
		k.row = row
		p.accepted++
		p.unchanged++
		return nil
	}
	e := store.Entry{Kind: p.job.kind, Phonebook: p.job.phonebook, Owner: p.job.owner(), Key: k.key, Values: w.values, Auth: auth}
	if p.job.byHand {
		e.Key = ""
	}
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
	if p.job.byHand && password != "" {
		e.Auth.Method = store.AuthInternal
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
	p.add(row, &e, old, password)
	if holder != "" {
		p.claims = append(p.claims, claim{put: p.put.Len() - 1, holder: holder, unique: e.Values.First(nameField(e.Kind)), name: e.Name()})
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
	case p.job.byHand:
		return p.passwordByHand(w, k)
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
	if p.job.byHand {
		p.mergeByHand(e, old)
		return
	}
	e.ID, e.Local, e.LocalAuth, e.Created = old.ID, old.Local, old.LocalAuth, old.Created
	for _, f := range old.Local.Fields() {
		e.Values = e.Values.With(f, old.Values.All(f)...)
	}
	if old.LocalAuth {
		dn := e.Auth.DN
		if e.Auth.Upstream != old.Auth.Upstream || dn == "" {
			dn = old.Auth.DN
		}
		e.Auth = old.Auth
		e.Auth.DN = dn
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

// add keeps an entry to be put.
func (p *plan) add(row int, e *store.Entry, old *store.Entry, text string) {
	a := about{row: row}
	if old != nil {
		a.seq = old.Seq
		p.countEmptied(e, old)
		if p.put.Len() < maxShown {
			a.old = old
		}
	}
	if text != "" {
		p.passwords[p.put.Len()] = &password{text: strings.Clone(text)}
	}
	p.put.Add(e)
	p.about = append(p.about, a)
}

// countEmptied counts the fields that an entry would have no value of any more.
func (p *plan) countEmptied(e, old *store.Entry) {
	last := store.FieldID(0)
	for _, v := range old.Values { // ordered by field
		if v.Field != last && !e.Values.Has(v.Field) {
			p.emptied[v.Field]++
		}
		last = v.Field
	}
}

// nothingLeft says why a source with records comes to no entry at all. Such a run is never applied, whatever the limits say.
func (p *plan) nothingLeft() error {
	if p.rejected == 0 {
		return fmt.Errorf("the filter leaves none of %s: nothing was changed: check the filter", plural(p.filtered, "record"))
	}
	return fmt.Errorf("all records, %d, were rejected: nothing was changed; %s", p.rejected, p.firstReject())
}
