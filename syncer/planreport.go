package syncer

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dialtree/dialtree/store"
)

// maxRejects is how many rejects a recorded run keeps.
const maxRejects = 100

func (r *Report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

func plural(n int, one string) string {
	switch {
	case n == 1:
		return "1 " + one
	case strings.HasSuffix(one, "y"):
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(one, "y"))
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// notes says what an administrator may not expect.
func (p *plan) notes(r *Report) {
	if p.filtered > 0 {
		r.note("the filter leaves out %s", plural(p.filtered, "record"))
	}
	if p.lost > 0 && p.job.mirror {
		r.note("nothing is removed, because it cannot be told which entries %s would be: correct the source, or set key to a column that identifies each record", plural(p.lost, "rejected record"))
	}
	if len(p.hide) > 0 {
		r.note("what is removed is kept hidden for %s, in case it comes back", store.Duration(p.job.retain))
	}
	if n := len(p.purge) + len(p.displaced); n > 0 {
		r.note("removed for good: %s that had been hidden", plural(n, "entry"))
	}
	for _, owner := range slices.Sorted(maps.Keys(p.clashes)) {
		whose := "were made by hand"
		if owner != "" {
			whose = "belong to connector " + owner
		}
		r.note("rejected because entries of their names %s: %s", whose, plural(p.clashes[owner], "record"))
	}
	if p.dead.count > 0 {
		r.note("%s cannot be dialled and stay as they are: %s", plural(p.dead.count, "number"), p.dead.text())
	}
	if p.plusless.count > 0 {
		r.note("%s look international but have no +, as after a spreadsheet, and stay as they are: %s", plural(p.plusless.count, "number"), p.plusless.text())
	}
	switch {
	case p.ignored > 0 && p.job.byHand:
		r.note("%s and keep it: the passwords of the file are not used for them", plural(p.ignored, "user")+" can log in already")
	case p.ignored > 0:
		r.note("the passwords of %s are not used: only users with authentication.method internal have one here", plural(p.ignored, "record"))
	}
	if p.missing > 0 {
		r.note("%s without a password cannot log in until dialtree user passwd gives them one", plural(p.missing, "user"))
	}
	if p.job.kind == store.KindUser && p.job.auth.Method == store.AuthNone && !p.job.byHand {
		r.note("these users cannot log in, because authentication is not set")
	}
}

// countOdd counts the odd numbers of an entry.
func (p *plan) countOdd(row int, numbers []oddNumber) {
	for _, n := range numbers {
		of := &p.dead
		if n.plus {
			of = &p.plusless
		}
		of.add(row, n.column, n.text)
	}
}

// examples are the first of something that there may be much of.
type examples struct {
	count int
	first []string
}

func (e *examples) add(row int, column, text string) {
	const named = 10
	if e.count++; e.count <= named {
		e.first = append(e.first, fmt.Sprintf("row %d, %s: %q", row, column, shorten(text)))
	}
}

func (e *examples) text() string {
	text := strings.Join(e.first, "; ")
	if e.count > len(e.first) {
		text += "; …"
	}
	return text
}

// report fills in the counts and the first changes, in the order of the source; removals come last.
func (p *plan) report(r *Report) {
	p.reportRejects(r)
	r.Run.Unchanged = p.unchanged
	r.Run.Removed = len(p.remove) + len(p.hide)
	for i := range p.about {
		if p.about[i].seq == 0 {
			r.Run.Created++
		} else {
			r.Run.Updated++
		}
	}
	for i, e := range p.put.All() {
		if i == maxShown {
			break
		}
		r.Changes = append(r.Changes, p.change(i, e))
	}
	slices.SortStableFunc(r.Changes, func(a, b PlannedChange) int { return cmp.Compare(a.Row, b.Row) })
	for _, k := range p.removals() {
		if len(r.Changes) >= maxShown {
			break
		}
		r.Changes = append(r.Changes, p.removal(k))
	}
	r.Changes = r.Changes[:min(len(r.Changes), maxShown)]
}

func (p *plan) reportRejects(r *Report) {
	slices.SortStableFunc(p.rejects, func(a, b namedReject) int { return cmp.Compare(a.Row, b.Row) })
	r.Run.Rejected = p.rejected
	for _, no := range p.rejects {
		if len(r.Run.Rejects) < maxRejects {
			r.Run.Rejects = append(r.Run.Rejects, no.Reject)
		}
		r.Changes = append(r.Changes, PlannedChange{Change: changeReject, Name: no.name, Row: no.Row, Column: no.Column, Reason: no.Reason})
	}
}

func (p *plan) change(i int, e *store.Entry) PlannedChange {
	a := &p.about[i]
	c := PlannedChange{Change: changeCreate, Name: e.Name(), ID: e.ID, Row: a.row}
	old := &store.Entry{}
	if a.seq != 0 {
		c.Change, old = changeUpdate, a.old
	}
	c.Fields = differences(old, e)
	if p.passwords[i] != nil {
		c.Fields = append(c.Fields, FieldChange{Field: store.Password.String(), New: masked})
	}
	return c
}

func (p *plan) removal(k *known) PlannedChange {
	c := PlannedChange{Change: changeRemove, ID: k.id, Name: k.key}
	if e, err := p.store.Entry(store.Ref{Kind: p.job.kind, ID: k.id}); err == nil {
		c.Name = e.Name()
		c.Fields = differences(&e, &store.Entry{})
	}
	return c
}

// differences are the fields in which two entries differ.
func differences(old, e *store.Entry) []FieldChange {
	var list []FieldChange
	add := func(field, before, after string) {
		if before != after {
			list = append(list, FieldChange{Field: field, Old: shorten(before), New: shorten(after)})
		}
	}
	for _, f := range store.Fields() {
		if f.Matching != store.MatchBytes {
			add(f.Name, strings.Join(old.Values.All(f.ID), ", "), strings.Join(e.Values.All(f.ID), ", "))
		}
	}
	add("removed", removedText(old), removedText(e))
	if e.Kind == store.KindUser && old.Kind == store.KindUser {
		add("auth.method", old.Auth.Method.String(), e.Auth.Method.String())
		add("auth.upstream", old.Auth.Upstream, e.Auth.Upstream)
		add("auth.dn", old.Auth.DN, e.Auth.DN)
	}
	return list
}

func removedText(e *store.Entry) string {
	if !e.Hidden() {
		return ""
	}
	return e.Removed.Format(time.RFC3339)
}

// digest identifies the plan: all that would be changed, from what to what. It holds no password, only whether there is
// one: whoever may read runs must not be able to guess at it.
func (p *plan) digest() string {
	sum := sha256.New()
	h := bufio.NewWriter(sum)
	writeTexts(h, "plan 1", p.job.connector)
	for i, e := range p.put.All() {
		yieldToServing(i)
		hasPassword := uint64(0)
		if p.passwords[i] != nil {
			hasPassword = 1
		}
		writeTexts(h, "put", e.ID, e.Key, e.Phonebook, e.Auth.Method.String(), e.Auth.Upstream, e.Auth.DN)
		writeNumbers(h, uint64(e.Kind), p.about[i].seq, hasPassword, uint64(len(e.Values)))
		for _, v := range e.Values {
			writeNumbers(h, uint64(v.Field))
			writeTexts(h, v.Text)
		}
	}
	for _, going := range [...]struct {
		how  string
		list []*known
	}{{"remove", p.remove}, {"hide", p.hide}, {"purge", p.purge}} {
		for _, k := range going.list {
			writeTexts(h, going.how, k.id)
			writeNumbers(h, k.seq)
		}
	}
	for _, e := range p.displaced {
		writeTexts(h, "displace", e.Ref.ID)
		writeNumbers(h, e.Seq)
	}
	writeNumbers(h, uint64(p.rejected))
	h.Flush() // to a hash, which never fails
	return hex.EncodeToString(sum.Sum(nil))
}

func writeTexts(h *bufio.Writer, texts ...string) {
	for _, t := range texts {
		writeNumbers(h, uint64(len(t)))
		h.WriteString(t)
	}
}

func writeNumbers(h *bufio.Writer, numbers ...uint64) {
	var b [8]byte
	for _, n := range numbers {
		binary.BigEndian.PutUint64(b[:], n)
		h.Write(b[:])
	}
}

// applied tells the report the IDs of what was created.
func (p *plan) applied(a store.Applied, r *Report) {
	ids := map[int]string{}
	for i, id := range a.IDs[:min(len(a.IDs), len(p.about), maxShown)] {
		ids[p.about[i].row] = id
	}
	for i := range r.Changes {
		if c := &r.Changes[i]; c.Change == changeCreate {
			c.ID = ids[c.Row]
		}
	}
}
