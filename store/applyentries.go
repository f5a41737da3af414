package store

import (
	"bytes"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"
)

func (a *applier) planRemovals() error {
	for _, r := range a.c.Remove {
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
	o := &op{id: x, index: -1}
	if err := a.load(o); err != nil {
		return err
	}
	if !o.exists {
		return notFound("%s %s", x.kind(), x)
	}
	a.ops[x] = o
	a.order = append(a.order, o)
	return nil
}

// load reads what an op replaces.
func (a *applier) load(o *op) error {
	record := a.entries.Get(o.id[:])
	if record == nil {
		return nil
	}
	old, err := decodeRecord(o.id, record)
	if err != nil {
		return fmt.Errorf("%s %s: %w: run dialtree check", o.id.kind(), o.id, err)
	}
	o.exists, o.old, o.before = true, old, record
	return nil
}

func (a *applier) planPuts() error {
	ops := make([]op, len(a.c.Put)) // in one piece
	for i := range a.c.Put {
		o := &ops[i]
		o.index, o.put, o.new = i, true, a.c.Put[i]
		o.new.Values = o.new.Values.sorted()
		if err := a.planPut(o); err != nil {
			return err
		}
	}
	return nil
}

func (a *applier) planPut(o *op) error {
	if err := a.identify(o); err != nil {
		return err
	}
	if o.new.Auth.Hash.IsMasked() {
		o.new.Auth.Hash = o.old.Auth.Hash
	}
	if f, message := checkEntry(&o.new); message != "" {
		return a.entryError(o, f, "%s", message)
	}
	if err := a.checkReferences(o); err != nil {
		return err
	}
	a.applied.IDs[o.index] = o.new.ID
	a.ops[o.id] = o
	if o.exists && o.old.sameContent(&o.new) {
		return nil
	}
	a.stamp(o)
	a.applied.Effects[o.index] = Created
	if o.exists {
		a.applied.Effects[o.index] = Updated
	}
	a.order = append(a.order, o)
	return nil
}

// stamp sets what Apply sets.
func (a *applier) stamp(o *op) {
	o.new.Created, o.new.Modified, o.new.Seq = a.now, a.now, a.seq
	if o.exists {
		o.new.Created = o.old.Created
	}
}

func (a *applier) entryError(o *op, f FieldID, format string, args ...any) error {
	return &EntryError{Index: o.index, Entry: o.name(), Field: f, Message: fmt.Sprintf(format, args...)}
}

// identify finds or makes the ID of an entry that is put, and what it replaces.
func (a *applier) identify(o *op) error {
	e := &o.new
	switch {
	case e.Kind < KindUser || e.Kind > KindSpeedDial:
		return a.entryError(o, 0, "%d is not a kind of entry", uint8(e.Kind))
	case e.ID != "":
		x, ok := parseRef(e.Ref())
		if !ok {
			return a.entryError(o, 0, "%q is not the ID of a %s", e.ID, e.Kind)
		}
		o.id = x
	case e.Owner != "":
		return a.identifyOwned(o)
	default:
		for o.id = randomID(e.Kind); a.taken(o.id); {
			o.id = randomID(e.Kind)
		}
		e.ID = o.id.String()
		return nil
	}
	if err := a.load(o); err != nil {
		return err
	}
	return a.replace(o)
}

// identifyOwned takes the first ID of the source's record that no other entry has. Whether another entry has the record's key is seen when
// the indexes are written: this change may take the key from it.
func (a *applier) identifyOwned(o *op) error {
	e := &o.new
	for attempt := uint32(0); ; attempt++ {
		o.id = ownedID(e.Kind, e.Owner, e.Key, attempt)
		prior := a.ops[o.id]
		if prior != nil && !prior.put && prior.old.Owner == e.Owner && prior.old.Key == e.Key {
			break // removed and put in one change: replaced
		}
		if prior == nil && a.entries.Get(o.id[:]) == nil {
			break
		}
	}
	e.ID = o.id.String()
	if a.ops[o.id] == nil {
		return nil
	}
	if err := a.load(o); err != nil {
		return err
	}
	return a.replace(o)
}

func (a *applier) taken(x id) bool { return a.ops[x] != nil || a.entries.Get(x[:]) != nil }

// replace takes the place of a removal of the same entry in the same change.
func (a *applier) replace(o *op) error {
	prior := a.ops[o.id]
	if prior == nil {
		return nil
	}
	if prior.put {
		return &ConflictError{Index: o.index, Field: "id", Value: o.new.ID, Entry: o.new.describe(), Other: prior.new.describe()}
	}
	prior.replaced = true
	return nil
}

// checkReferences looks whether the objects that an entry names will exist.
func (a *applier) checkReferences(o *op) error {
	e := &o.new
	for _, r := range [...]ObjectRef{{ObjectConnector, e.Owner}, {ObjectPhonebook, e.Phonebook}, {ObjectUpstream, e.Auth.Upstream}} {
		if r.Name != "" && !a.objectKnown(r.Kind, r.Name) {
			return a.entryError(o, 0, "%s does not exist", r)
		}
	}
	return nil
}

// planForced plans what becomes of the entries of objects that are removed by force.
func (a *applier) planForced() error {
	if !a.c.Force {
		a.sortOps()
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
	a.sortOps()
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
		if k == ObjectPhonebook {
			if err := a.planRemoval(id(raw)); err != nil {
				return err
			}
			continue
		}
		o := &op{id: id(raw), index: -1, put: true}
		if err := a.load(o); err != nil {
			return err
		}
		if o.old.Hidden() { // nobody is left to bring it back
			if err := a.planRemoval(o.id); err != nil {
				return err
			}
			continue
		}
		o.new = o.old
		o.new.Owner, o.new.Key = "", ""
		a.stamp(o)
		a.ops[o.id] = o
		a.order = append(a.order, o)
	}
	return nil
}

// An indexPut is a key to be put into an index.
type indexPut struct {
	key []byte
	op  *op
}

// An index is one of the buckets that lead to entries.
type index struct {
	bucket  []byte
	field   string // that must be unique
	removed [][]byte
	added   []indexPut
}

// writeIndexes first takes out what goes and then puts in what comes, so that two entries can swap their names.
func (a *applier) writeIndexes() error {
	all := [...]index{
		{bucket: bucketNames, field: "username"},
		{bucket: bucketCodes, field: "shortcode"},
		{bucket: bucketKeys, field: "key"},
		{bucket: bucketBooks, field: "id"},
	}
	for _, o := range a.order {
		var before, after [len(all)][]byte
		if o.exists {
			before[0], before[1], before[2], before[3] = o.old.names(o.id)
		}
		if o.put {
			after[0], after[1], after[2], after[3] = o.new.names(o.id)
		}
		for i := range all {
			if bytes.Equal(before[i], after[i]) {
				continue
			}
			if before[i] != nil {
				all[i].removed = append(all[i].removed, before[i])
			}
			if after[i] != nil {
				all[i].added = append(all[i].added, indexPut{after[i], o})
			}
		}
	}
	for i := range all {
		if err := a.writeIndex(&all[i]); err != nil {
			return err
		}
	}
	return nil
}

func (a *applier) writeIndex(x *index) error {
	b := a.tx.Bucket(x.bucket)
	slices.SortFunc(x.removed, bytes.Compare)
	for _, key := range x.removed {
		if err := b.Delete(key); err != nil {
			return err
		}
	}
	slices.SortFunc(x.added, func(p, q indexPut) int {
		return bytes.Compare(p.key, q.key)
	})
	b.FillPercent = a.fill(len(x.added))
	for i, p := range x.added {
		if i%4096 == 0 && a.ctx.Err() != nil {
			return a.ctx.Err()
		}
		if other := b.Get(p.key); other != nil {
			return a.conflict(x.field, p, other)
		}
		value := p.op.id[:]
		if x.field == "id" {
			value = []byte{} // the ID is in the key
		}
		if err := b.Put(p.key, value); err != nil {
			return err
		}
	}
	return nil
}

// conflict names both entries of a key, the one that was put later first.
func (a *applier) conflict(field string, p indexPut, other []byte) error {
	e := &ConflictError{Index: p.op.index, Field: field, Value: string(p.key), Entry: p.op.name()}
	if _, key, ok := bytes.Cut(p.key, []byte{0}); ok && field == "key" {
		e.Value = string(key)
	}
	if len(other) != len(id{}) {
		return e
	}
	x := id(other)
	if prior := a.ops[x]; prior != nil && prior.put {
		e.Other = prior.name()
		if prior.index > p.op.index {
			e.Index, e.Entry, e.Other = prior.index, e.Other, e.Entry
		}
		return e
	}
	if old, err := readEntry(a.entries, x); err == nil {
		e.Other = old.describe()
	}
	return e
}

// name describes what is put, without the ID that it would have got.
func (o *op) name() EntryName {
	n := o.new.describe()
	if !o.exists {
		n.ID = ""
	}
	return n
}

// fill is how full bbolt leaves pages when they split: a first import puts its keys in order and nothing between them soon.
func (a *applier) fill(n int) float64 {
	before := a.counts.Users + a.counts.Contacts + a.counts.SpeedDials
	if n > 1000 && n > before {
		return 0.9
	}
	return bbolt.DefaultFillPercent
}

func (a *applier) writeEntries() error {
	a.entries.FillPercent = a.fill(len(a.order))
	arena := make([]byte, 0, min(len(a.order)*512, 1<<20))
	for i, o := range a.order {
		if i%4096 == 0 && a.ctx.Err() != nil {
			return a.ctx.Err()
		}
		if o.exists {
			a.counts.add(&o.old, -1)
		}
		if !o.put {
			if err := a.entries.Delete(o.id[:]); err != nil {
				return err
			}
			continue
		}
		a.counts.add(&o.new, 1)
		// Records are cut from large pieces: bbolt keeps them until the commit, and a hundred thousand small ones cost the collector more than the write.
		if cap(arena)-len(arena) < 4096 {
			arena = make([]byte, 0, 1<<20)
		}
		start := len(arena)
		arena = appendRecord(arena, &o.new)
		if err := a.entries.Put(o.id[:], arena[start:len(arena):len(arena)]); err != nil {
			return err
		}
	}
	return nil
}
