package syncer

import (
	"context"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer/source"
)

// A plan is what a run will do, worked out completely before anything is done. Of an entry that stays as
// it is, it holds no more than a known.
type plan struct {
	job     *job
	store   *store.Store
	mapping *mapping

	recalled bool   // it was not made but remembered
	seq      uint64 // the change of the store that it is made for, or an earlier one
	hidden   int    // entries of the connector that are hidden

	owned int               // entries of the connector before the run, without hidden ones
	known map[string]*known // those entries by key
	names map[string]int    // the unique names in the source, normalised, and their rows
	alike map[string]int    // how many records after the first came to a derived key
	seed  maphash.Seed
	// contacts are those that a file imported by hand may update; nil: it is none, or of another kind.
	contacts *handContacts

	put       store.Packed      // two hundred thousand decoded entries would be 150 MB
	about     []about           // of each put
	passwords map[int]*password // of those puts that have one to be hashed
	remove    []*known
	hide      []*known            // removed, but kept for a while
	purge     []*known            // hidden long enough
	displaced []store.Expectation // hidden entries of other connectors that give up their names
	claims    []claim
	clashes   map[string]int // records whose name belongs to another connector, or "" for one made by hand

	emptied [64]int // by field: entries that would have no value of it any more

	partial   bool // the source gave only what changed: what it did not give is not missing
	accepted  int  // records that become entries
	filtered  int
	rejected  int
	lost      int // rejected ones of which the entry cannot be told
	unchanged int
	rejects   []namedReject // the first maxShown
	ignored   int           // passwords that the login method has no use for
	missing   int           // users with the method internal and without a password
	dead      examples      // numbers that cannot be dialled
	plusless  examples      // numbers that cannot because a + is missing
}

// A known is what the plan remembers of an entry that the connector owns, or will own.
type known struct {
	id   string // empty for one that is to be created
	key  string
	seq  uint64
	hash uint64 // of its content, see plan.hash
	// exact: its content is not to be compared by hash, because an administrator changed
	// something by hand.
	exact       bool
	removed     int64 // Unix seconds, when it is hidden
	hasPassword bool
	seen        bool // the source has it, be it in a record that was rejected
	row         int  // of the record that it is made from; 0: none yet
}

// about is what a plan knows of an entry that it puts.
type about struct {
	row int
	seq uint64       // of the entry that it replaces; 0: it is created
	old *store.Entry // that entry, for the first maxShown
}

// A password of the source is hashed when the plan is applied.
type password struct {
	text string
	hash store.Secret
}

// plan fetches everything and works out what to do. A *store.ChangedError means that the store changed meanwhile.
func (s *Syncer) plan(ctx context.Context, j *job, progress *progress, r *Report) (*plan, error) {
	p := &plan{job: j, store: s.store, seed: maphash.MakeSeed(), known: map[string]*known{}, names: map[string]int{}, alike: map[string]int{}, passwords: map[int]*password{}, clashes: map[string]int{}}
	p.seq = s.store.Seq()
	if err := p.readOwned(ctx); err != nil {
		return nil, err
	}
	if err := p.readSource(ctx, s.numbers, progress, r); err != nil {
		return nil, err
	}
	if r.Run.Fetch = j.fetch.ended(r); r.Run.Fetch != nil {
		p.partial = r.Run.Fetch.Partial
	}
	if !p.partial {
		if p.accepted == 0 {
			p.reportRejects(r)
			return nil, p.nothingLeft()
		}
		p.sortMissing(s.now())
	}
	if err := p.settleNames(); err != nil {
		return nil, err
	}
	progress.end(phasePlan, p.accepted+p.rejected)
	p.notes(r)
	p.known, p.names, p.alike, p.mapping, p.contacts = nil, nil, nil, nil, nil // some 30 MB for 100,000 records, which Apply can use
	return p, nil
}

// readOwned remembers what the connector owns.
func (p *plan) readOwned(ctx context.Context) error {
	if p.job.byHand {
		return nil // see readHandMade
	}
	for e, err := range p.store.Entries(ctx, store.Query{Owner: p.job.connector}) {
		if err != nil {
			return err
		}
		if e.Kind != p.job.kind {
			return fmt.Errorf("connector %s has %ss from an earlier target: make another connector for %ss, or delete this one first", p.job.connector, e.Kind, p.job.kind)
		}
		k := &known{
			id:          e.ID,
			key:         e.Key,
			seq:         e.Seq,
			hash:        p.hash(e.Values, &e.Auth),
			exact:       e.Local != 0 || e.LocalAuth || e.Phonebook != p.job.phonebook || e.Hidden(),
			hasPassword: !e.Auth.Hash.IsZero(),
		}
		if e.Hidden() {
			k.removed = e.Removed.Unix()
			p.hidden++
		} else {
			p.owned++
		}
		p.known[e.Key] = k
		yieldToServing(len(p.known))
	}
	return nil
}

// hash is what two contents have in common when they are the same. That two that differ have it in common has a
// chance of 2^-64, with a seed that no source can know.
func (p *plan) hash(values store.Values, auth *store.Auth) uint64 {
	var h maphash.Hash
	h.SetSeed(p.seed)
	for i := range values {
		h.WriteByte(byte(values[i].Field))
		h.WriteString(values[i].Text)
		h.WriteByte(0xff) // in no text
	}
	h.WriteByte(byte(auth.Method))
	h.WriteString(auth.Upstream)
	h.WriteByte(0xff)
	h.WriteString(auth.DN)
	return h.Sum64()
}

// readSource makes a plan of the records while they come.
func (p *plan) readSource(ctx context.Context, n Numbers, progress *progress, r *Report) error {
	count := 0
	var failed error
	var scratch store.Values
	for rec, err := range p.job.source.Records(ctx) {
		if err != nil {
			failed = err
			break
		}
		if p.mapping == nil {
			if p.mapping, failed = newMapping(p.job, rec.Columns, n); failed != nil {
				break
			}
			if p.job.byHand {
				if failed = p.readHandMade(ctx); failed != nil {
					break
				}
			}
			if unused := p.mapping.unused(rec.Columns); len(unused) > 0 && !p.job.asked {
				r.note("columns that nothing uses: %s", strings.Join(unused[:min(len(unused), 20)], ", "))
			}
		}
		if scratch, failed = p.record(&rec, scratch); failed != nil {
			break
		}
		count++
		yieldToServing(count)
		progress.at(phaseFetch, count, 0)
	}
	r.Notes = append(slices.Clone(p.job.source.Notes()), r.Notes...)
	if failed == nil {
		progress.end(phaseFetch, count)
	}
	return failed
}

// record plans one record. It returns scratch, grown where it had to be.
func (p *plan) record(rec *source.Record, scratch store.Values) (store.Values, error) {
	keep, no := true, (*rejection)(nil)
	if rec.Problem == nil {
		keep, no = p.mapping.keep(rec)
	}
	if !keep && no == nil {
		p.filtered++
		return scratch, nil
	}
	w, why := p.mapping.wanted(rec, scratch)
	if no == nil {
		no = why
	}
	if p.mapping.key.from == keyDerived {
		w.key = p.numbered(w.key)
	}
	k := p.known[w.key]
	if p.contacts != nil && no == nil {
		k = p.handContact(w.values)
	}
	if k != nil {
		k.seen = true // whatever becomes of the record, its entry is not missing
	}
	if k != nil && k.row != 0 && no == nil {
		no = &rejection{p.job.key, fmt.Sprintf("%q is that of row %d, too", shorten(w.key), k.row)}
	}
	if no != nil {
		if w.lost {
			p.lost++
		}
		p.reject(rec.Row, no, w.values.First(nameField(p.job.kind)))
		return w.values, nil
	}
	if k == nil {
		k = &known{key: strings.Clone(w.key)}
	}
	accepted := p.accepted
	err := p.entry(rec.Row, &w, k)
	if p.accepted > accepted {
		p.countOdd(rec.Row, w.odd)
	}
	return w.values, err
}
