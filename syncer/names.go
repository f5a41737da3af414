package syncer

import (
	"errors"
	"fmt"
	"slices"

	"github.com/dialtree/dialtree/store"
)

// nameField is the field that is unique among the entries of a kind; 0: none.
func nameField(k store.Kind) store.FieldID {
	switch k {
	case store.KindUser:
		return store.Username
	case store.KindSpeedDial:
		return store.ShortCode
	}
	return store.DisplayName
}

// uniqueName returns the normalised unique name of an entry; "" where its kind has none.
func uniqueName(k store.Kind, values store.Values) string {
	if k == store.KindContact {
		return ""
	}
	return fold(nameField(k), values.First(nameField(k)))
}

// A claim is a put whose name an entry of the same connector has until now. Whether
// it will be free is known only at the end.
type claim struct {
	put    int
	holder string // ID
	unique string // the name
	name   string // what people call the entry
}

// takeName takes a name for a row of the source, unless an earlier row has it.
func (p *plan) takeName(row int, values store.Values) *rejection {
	name := uniqueName(p.job.kind, values)
	if name == "" {
		return nil
	}
	field := nameField(p.job.kind)
	if first, taken := p.names[name]; taken {
		return &rejection{field.String(), fmt.Sprintf("%q is that of row %d, too", shorten(values.First(field)), first)}
	}
	p.names[name] = row
	return nil
}

// claimName takes the name and looks who has it in the store. It returns the ID of the entry of this connector that has it, if any.
func (p *plan) claimName(row int, e *store.Entry) (no *rejection, holder string, err error) {
	other, err := p.holder(e)
	if err != nil {
		return nil, "", err
	}
	foreign := other != nil && other.Owner != p.job.owner()
	if foreign && !other.Hidden() {
		p.clashes[other.Owner]++
		return clash(e, other), "", nil
	}
	if no := p.takeName(row, e.Values); no != nil {
		return no, "", nil
	}
	switch {
	case foreign:
		p.displace(other)
	case other != nil:
		return nil, other.ID, nil
	}
	return nil, "", nil
}

// holder returns the other entry that has the entry's unique name; nil for none.
func (p *plan) holder(e *store.Entry) (*store.Entry, error) {
	if e.Kind == store.KindContact {
		return nil, nil
	}
	find := p.store.SpeedDial
	name := e.Values.First(nameField(e.Kind))
	if e.Kind == store.KindUser {
		// Account is the cheaper look, and for nearly every new user it finds nobody.
		account, found, err := p.store.Account(name)
		if err != nil || !found || account.ID == e.ID {
			return nil, err
		}
		find = p.store.User
	}
	other, err := find(name)
	if err != nil || other.ID == e.ID {
		return nil, ignoreNotFound(err)
	}
	return &other, nil
}

func ignoreNotFound(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// clash says whose name it is.
func clash(e, other *store.Entry) *rejection {
	field := nameField(e.Kind)
	whose := "made by hand"
	if other.Owner != "" {
		whose = "of connector " + other.Owner
	}
	return &rejection{field.String(), fmt.Sprintf("%q already belongs to a %s %s", shorten(e.Values.First(field)), e.Kind, whose)}
}

// settleNames rejects what takes a name that its holder keeps. Each rejection leaves an entry
// with its old name, which may be what another one wants, hence the repetition.
func (p *plan) settleNames() error {
	if len(p.claims) == 0 {
		return nil
	}
	gone := map[string]bool{}
	for _, k := range slices.Concat(p.remove, p.purge) {
		gone[k.id] = true
	}
	puts, dropped := map[string]int{}, map[int]bool{}
	for i, e := range p.put.All() {
		if e.ID != "" {
			puts[e.ID] = i
		}
	}
	for settled := false; !settled; {
		settled = true
		for _, c := range p.claims {
			if dropped[c.put] || gone[c.holder] {
				continue
			}
			// A holder that is put has another name then, as no two rows have one name.
			if i, ok := puts[c.holder]; ok && !dropped[i] {
				continue
			}
			field := nameField(p.job.kind)
			dropped[c.put] = true
			p.accepted--
			p.reject(p.about[c.put].row, &rejection{field.String(), fmt.Sprintf(
				"%q already belongs to another %s of this connector, which keeps it", shorten(c.unique), p.job.kind)}, c.name)
			settled = false
		}
	}
	p.drop(dropped)
	return nil
}

// drop removes puts that were rejected after all.
func (p *plan) drop(dropped map[int]bool) {
	if len(dropped) == 0 {
		return
	}
	kept, passwords := p.about[:0], map[int]*password{}
	for i, a := range p.about {
		if dropped[i] {
			continue
		}
		if word := p.passwords[i]; word != nil {
			passwords[len(kept)] = word
		}
		kept = append(kept, a)
	}
	p.put = p.put.Filter(func(i int) bool { return !dropped[i] })
	clear(p.about[len(kept):])
	p.about, p.passwords = kept, passwords
}
