package directory

import (
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

// A snapshot is the directory at one change of the store. It never changes, apart
// from what it remembers of readers: a search has one from its beginning to its
// end and sees all of a sync or nothing.
type snapshot struct {
	tree       *Tree
	seq        uint64
	containers []*container // users, speed dials, then phonebooks by name
	made       time.Time

	nobody  access // who may read nothing
	mu      sync.RWMutex
	readers map[string]*access // guarded by mu; by the DN of the reader
	totals  map[string]int     // guarded by mu; by the list
}

// containersOf makes the containers that there are, empty.
func (t *Tree) containersOf(v *store.Snapshot) ([]*container, error) {
	users, err := v.Container(store.ContainerUsers)
	if err != nil {
		return nil, err
	}
	speedDials, err := v.Container(store.ContainerSpeedDials)
	if err != nil {
		return nil, err
	}
	books, err := v.Objects(store.ObjectPhonebook)
	if err != nil {
		return nil, err
	}
	containers := []*container{
		t.newContainer(store.KindUser, "", "", t.branchDN(spotUsers), users.Readers),
		t.newContainer(store.KindSpeedDial, "", "", t.branchDN(spotSpeedDials), speedDials.Readers),
	}
	for _, o := range books {
		p := o.(*store.Phonebook).WithDefaults()
		containers = append(containers, t.newContainer(store.KindContact, p.Name, p.Title, t.PhonebookDN(p.Name), p.Readers))
	}
	return containers, nil
}

func (t *Tree) newContainer(kind store.Kind, book, title, dn string, readers []string) *container {
	c := &container{tree: t, kind: kind, book: book, title: title, dn: dn, suffix: "," + dn, base: &segment{}, delta: &segment{}, content: &content{}}
	c.parts, _ = ldapwire.ParseDN(dn) // it was made from a name that is one
	for _, text := range readers {
		if r, err := store.ParseReader(text); err == nil { // the store holds no other
			c.readers = append(c.readers, r)
		}
	}
	return c
}

// place is where a container's entries are.
func (c *container) place() string { return c.kind.String() + "/" + c.book }

// with returns the container with other entries.
func (c *container) with(base *segment, dead bitmap, delta *segment) *container {
	d := *c
	d.base, d.dead, d.delta, d.content = base, dead, delta, &content{}
	return &d
}

// adopt gives containers the entries of those that were in their place before.
func adopt(containers, before []*container) {
	old := make(map[string]*container, len(before))
	for _, c := range before {
		old[c.place()] = c
	}
	for _, c := range containers {
		if o := old[c.place()]; o != nil {
			c.base, c.dead, c.delta, c.content = o.base, o.dead, o.delta, o.content
		}
	}
}

// load reads one container's entries from the store.
func (t *Tree) load(v *store.Snapshot, c *container, pace *pacer) (*container, error) {
	b := t.newBuilder(pace)
	read := b.inTurn
	if pace == nil {
		read = b.sideBySide
	}
	if err := read(v.Entries(store.Query{Kind: c.kind, Phonebook: c.book})); err != nil {
		return nil, err
	}
	return c.with(b.segment(), nil, &segment{}), nil
}

// inTurn adds entries as they are read, on one processor: the others are for
// searches.
func (b *builder) inTurn(entries iter.Seq2[store.Entry, error]) error {
	for e, err := range entries {
		if err != nil {
			return err
		}
		if b.pace.work(15); !e.Hidden() {
			b.entry(&e)
		}
	}
	return nil
}

// sideBySide reads entries on one processor while another makes them ready: at the
// start nobody is served yet.
func (b *builder) sideBySide(entries iter.Seq2[store.Entry, error]) error {
	const batch = 512
	batches := make(chan []store.Entry, 4)
	var ready sync.WaitGroup
	ready.Go(func() {
		for entries := range batches {
			for i := range entries {
				b.entry(&entries[i])
			}
		}
	})
	defer ready.Wait()
	defer close(batches)
	next := make([]store.Entry, 0, batch)
	for e, err := range entries {
		if err != nil {
			return err
		}
		if e.Hidden() {
			continue
		}
		if next = append(next, e); len(next) == batch {
			batches <- next
			next = make([]store.Entry, 0, batch)
		}
	}
	batches <- next
	return nil
}

func (t *Tree) newBuilder(pace *pacer) *builder {
	return &builder{encoder: encoder{schema: t.schema, numbers: &t.numbers, output: t.output}, pace: pace}
}

// entry adds an entry.
func (b *builder) entry(e *store.Entry) {
	b.pace.work(40)
	b.room = b.encoder.appendRecord(b.room[:0], e)
	b.add(b.room)
}

// A change is what one change of the store does to a container.
type change struct {
	gone map[string]bool // IDs of entries that are not as they were, or not there any more
	put  []store.Entry   // as they are now, ordered by ID
}

const (
	// mostDelta is how many changed entries are kept apart before they become part
	// of the base: every change makes the delta anew.
	mostDelta = 1024
)

// apply returns the container after a change.
func (c *container) apply(ch *change, pace *pacer) *container {
	dead := slices.Clone(c.dead)
	if dead == nil {
		dead = newBitmap(c.base.len())
	}
	for id := range ch.gone {
		if n, ok := c.base.find(id); ok {
			dead.set(n)
		}
	}
	b := c.tree.newBuilder(pace)
	put := ch.put
	for _, n := range c.delta.byID {
		r := c.delta.record(n)
		for len(put) > 0 && put[0].ID < string(r.id()) {
			b.entry(&put[0])
			put = put[1:]
		}
		if !ch.gone[string(r.id())] {
			b.add(r[:r.size()])
		}
	}
	for i := range put {
		b.entry(&put[i])
	}
	delta := b.plain()
	if delta.len() <= mostDelta && delta.len() <= max(64, c.base.len()) && dead.count() <= max(mostDelta, c.base.len()/4) {
		delta.index(pace)
		return c.with(c.base, dead, delta)
	}
	return c.with(merge(c.base, dead, delta, pace), nil, &segment{})
}
