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
	foreign := other != nil && other.Owner != p.job.connector
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
	var other store.Entry
	var err error
	name := e.Values.First(nameField(e.Kind))
	switch e.Kind {
	case store.KindUser:
		// Account is the cheaper look, and for nearly every new user it finds nobody.
		account, found, err := p.store.Account(name)
		if err != nil || !found || account.ID == e.ID {
			return nil, err
		}
		other, err = p.store.User(name)
		if err != nil {
			return nil, ignoreNotFound(err)
		}
	case store.KindSpeedDial:
		if other, err = p.store.SpeedDial(name); err != nil {
			return nil, ignoreNotFound(err)
		}
	default:
		return nil, nil
	}
	if other.ID == e.ID {
		return nil, nil
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
	puts := map[string]int{}
	for i := range p.put {
		if id := p.put[i].ID; id != "" {
			puts[id] = i
		}
	}
	for settled := false; !settled; {
		settled = true
		for _, c := range p.claims {
			if p.about[c.put].dropped || gone[c.holder] {
				continue
			}
			// A holder that is put has another name then, as no two rows have one name.
			if i, ok := puts[c.holder]; ok && !p.about[i].dropped {
				continue
			}
			e := &p.put[c.put]
			field := nameField(e.Kind)
			p.about[c.put].dropped = true
			p.accepted--
			p.reject(p.about[c.put].row, &rejection{field.String(), fmt.Sprintf(
				"%q already belongs to another %s of this connector, which keeps it", shorten(e.Values.First(field)), e.Kind)}, e.Name())
			settled = false
		}
	}
	p.dropRejected()
	return nil
}

// dropRejected removes the puts that were rejected after all.
func (p *plan) dropRejected() {
	n := 0
	for i := range p.put {
		if !p.about[i].dropped {
			p.put[n], p.about[n] = p.put[i], p.about[i]
			n++
		}
	}
	clear(p.put[n:])
	clear(p.about[n:])
	p.put, p.about = p.put[:n], p.about[:n]
}
