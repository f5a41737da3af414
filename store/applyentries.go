package store

import (
	"bytes"
	"fmt"
)

func (a *applier) planRemovals() error {
	for i, r := range a.c.Remove {
		if err := a.rest(i); err != nil {
			return err
		}
		x, ok := parseRef(r)
		if !ok {
			return notFound("%s %s", r.Kind, r.ID)
		}
		if err := a.planRemoval(x); err != nil {
			return err
		}
	}
	return nil
}

// planRemoval plans the removal of an entry that exists. Removing it twice is removing it.
func (a *applier) planRemoval(x id) error {
	if a.ops[x] != nil {
		return nil
	}
	o := a.newOp(-1)
	o.id = x
	if o.before = a.entries.Get(x[:]); o.before == nil {
		return notFound("%s %s", x.kind(), x)
	}
	a.ops[x] = o
	a.order = append(a.order, o)
	return nil
}

func (a *applier) planPuts() error {
	for i := range a.c.Put {
		if err := a.planPut(i, a.c.Put[i]); err != nil {
			return err
		}
	}
	if a.c.PutEach == nil {
		return nil
	}
	i := len(a.c.Put)
	for e := range a.c.PutEach {
		if err := a.planPut(i, *e); err != nil {
			return err
		}
		i++
	}
	return nil
}

// planPut plans what becomes of an entry that is put. Of the entry, it keeps the record only.
func (a *applier) planPut(index int, e Entry) error {
	if err := a.rest(index); err != nil {
		return err
	}
	o := a.newOp(index)
	o.put = true
	e.Values = e.Values.sorted()
	old, err := a.identify(o, &e)
	if err != nil {
		return err
	}
	if e.Auth.Hash.IsMasked() {
		e.Auth.Hash = Secret{}
		if old != nil {
			e.Auth.Hash = old.Auth.Hash
		}
	}
	if f, message := checkEntry(&e); message != "" {
		return a.entryError(o, &e, f, "%s", message)
	}
	if err := a.checkReferences(o, &e); err != nil {
		return err
	}
	a.ops[o.id] = o
	a.applied.IDs = append(a.applied.IDs, e.ID)
	effect := Created
	switch {
	case old == nil:
	case old.sameContent(&e):
		effect = Unchanged
	default:
		effect = Updated
	}
	a.applied.Effects = append(a.applied.Effects, effect)
	if effect != Unchanged {
		a.stamp(&e, old)
		a.write(o, &e, old)
	}
	return nil
}

// stamp sets what Apply sets.
func (a *applier) stamp(e, old *Entry) {
	e.Modified, e.Seq = a.now, a.seq
	switch {
	case old != nil:
		e.Created = old.Created
	case e.Created.IsZero(): // else an undo brings it back
		e.Created = a.now
	}
}

// write plans the record of an op that puts an entry, and its way into the indexes and counts.
func (a *applier) write(o *op, e, old *Entry) {
	a.scratch = appendRecord(a.scratch[:0], e)
	o.after = a.records.keep(a.scratch)
	a.order = append(a.order, o)
	a.planIndexes(o, e, old)
}

func (a *applier) entryError(o *op, e *Entry, f FieldID, format string, args ...any) error {
	return &EntryError{Index: o.index, Entry: o.describe(e), Field: f, Message: fmt.Sprintf(format, args...)}
}

// identify finds or makes the ID of an entry that is put, and returns what it replaces; nil for nothing.
func (a *applier) identify(o *op, e *Entry) (old *Entry, err error) {
	switch {
	case e.Kind < KindUser || e.Kind > KindSpeedDial:
		return nil, a.entryError(o, e, 0, "%d is not a kind of entry", uint8(e.Kind))
	case e.ID != "":
		x, ok := parseRef(e.Ref())
		if !ok {
			return nil, a.entryError(o, e, 0, "%q is not the ID of a %s", e.ID, e.Kind)
		}
		o.id = x
	case e.Owner != "":
		return a.identifyOwned(o, e)
	default:
		for o.id = randomID(e.Kind); a.taken(o.id); {
			o.id = randomID(e.Kind)
		}
		e.ID = o.id.String()
		return nil, nil
	}
	return a.replace(o, e)
}

// identifyOwned takes the first ID of the source's record that no other entry has. Whether another entry has the record's key is seen when
// the indexes are written: this change may take the key from it.
func (a *applier) identifyOwned(o *op, e *Entry) (old *Entry, err error) {
	for attempt := uint32(0); ; attempt++ {
		o.id = ownedID(e.Kind, e.Owner, e.Key, attempt)
		e.ID = o.id.String()
		prior := a.ops[o.id]
		if prior == nil {
			if a.entries.Get(o.id[:]) == nil {
				return nil, nil
			}
			continue
		}
		if prior.put {
			continue
		}
		if old, err = prior.replaced(); err != nil {
			return nil, err
		}
		if old.Owner == e.Owner && old.Key == e.Key { // removed and put in one change: replaced
			return a.replace(o, e)
		}
	}
}

func (a *applier) taken(x id) bool { return a.ops[x] != nil || a.entries.Get(x[:]) != nil }

// replace reads the entry that a put replaces; nil for none. It takes the place of a removal of the same entry in the same change.
func (a *applier) replace(o *op, e *Entry) (old *Entry, err error) {
	o.before = a.entries.Get(o.id[:])
	if old, err = o.replaced(); err != nil {
		return nil, err
	}
	prior := a.ops[o.id]
	if prior == nil {
		return old, nil
	}
	if !prior.put {
		prior.overtaken = true
		return old, nil
	}
	other, err := prior.entry()
	if err != nil {
		return nil, err
	}
	return nil, &ConflictError{Index: o.index, Field: "id", Value: e.ID, Entry: e.describe(), Other: other.describe()}
}

// checkReferences looks whether the objects that an entry names will exist.
func (a *applier) checkReferences(o *op, e *Entry) error {
	for _, r := range [...]ObjectRef{{ObjectConnector, e.Owner}, {ObjectPhonebook, e.Phonebook}, {ObjectUpstream, e.Auth.Upstream}} {
		if r.Name != "" && !a.objectKnown(r.Kind, r.Name) {
			return a.entryError(o, e, 0, "%s does not exist", r)
		}
	}
	return nil
}

// planForced plans what becomes of the entries of objects that are removed by force.
func (a *applier) planForced() error {
	if !a.c.Force {
		return nil
	}
	for _, r := range a.c.RemoveObjects {
		var index []byte
		switch r.Kind {
		case ObjectConnector:
			index = bucketKeys
		case ObjectPhonebook:
			index = bucketBooks
		default:
			continue
		}
		if err := a.forEachBelonging(index, r.Name, r.Kind); err != nil {
			return err
		}
	}
	return nil
}

func (a *applier) forEachBelonging(index []byte, name string, k ObjectKind) error {
	prefix := joinNUL(name, "")
	c := a.tx.Bucket(index).Cursor()
	for key, value := c.Seek(prefix); key != nil && bytes.HasPrefix(key, prefix); key, value = c.Next() {
		raw := value
		if k == ObjectPhonebook {
			raw = key[len(prefix):]
		}
		if len(raw) != len(id{}) || a.ops[id(raw)] != nil {
			continue
		}
		var err error
		if k == ObjectPhonebook {
			err = a.planRemoval(id(raw))
		} else {
			err = a.planRelease(id(raw))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// planRelease makes an entry of a connector one that was made by hand.
func (a *applier) planRelease(x id) error {
	o := a.newOp(-1)
	o.id, o.before = x, a.entries.Get(x[:])
	old, err := o.replaced()
	switch {
	case err != nil:
		return err
	case old == nil || old.Hidden(): // nobody is left to bring it back
		return a.planRemoval(x)
	}
	e := *old
	e.Owner, e.Key = "", ""
	o.put = true
	a.ops[x] = o
	a.stamp(&e, old)
	a.write(o, &e, old)
	return nil
}

func (a *applier) writeEntries() error {
	a.entries.fill(a.fill(len(a.order)))
	for i, o := range a.order {
		if err := a.rest(i); err != nil {
			return err
		}
		var err error
		if o.put {
			err = a.entries.Put(o.id[:], o.after)
		} else {
			err = a.entries.Delete(o.id[:])
		}
		if err != nil {
			return err
		}
	}
	return nil
}
