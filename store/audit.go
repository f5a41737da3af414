package store

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"go.etcd.io/bbolt"
)

const (
	// keptAudit is how many audit records are kept.
	keptAudit = 50_000
	// maxAudited is how many things a change names in the audit log, each with a record of its own; the last one counts the rest.
	maxAudited = 100
	// maxAuditFields and maxAuditValue bound a record: it says what changed, it is no copy of it.
	maxAuditFields = 40
	maxAuditValue  = 200
)

// An Actor is who changes something, and how he came in.
type Actor struct {
	Who  string `json:"who"`
	Door string `json:"door"`
	From string `json:"from"` // the client's address
}

// An AuditRecord is something that somebody did.
type AuditRecord struct {
	N  uint64    `json:"n"`  // counts up; set by Apply
	At time.Time `json:"at"` // set by Apply
	Actor
	Action string       `json:"action"` // created, updated, deleted, signed in, …
	Kind   string       `json:"kind,omitempty"`
	Name   string       `json:"name,omitempty"`
	Fields []AuditField `json:"fields,omitempty"`
	More   int          `json:"more,omitempty"`   // how many things beside this one the same change touched
	Change uint64       `json:"change,omitempty"` // its number; set by Apply
}

// An AuditField is a field before and after. A secret reads "[secret]".
type AuditField struct {
	Field string `json:"field"`
	Old   string `json:"old"`
	New   string `json:"new"`
}

// Audit visits the audit records before a number, the last first; before 0 begins at the end. A read ends it early.
func (s *Store) Audit(before uint64) iter.Seq2[AuditRecord, error] {
	return func(yield func(AuditRecord, error) bool) {
		err := s.View(func(v *Snapshot) error {
			for data := range lastFirst(v.tx.Bucket(bucketAudit), before) {
				record, err := decodeAudit(data)
				if err != nil {
					return err
				}
				if !yield(record, nil) {
					return nil
				}
			}
			return nil
		})
		if err != nil {
			yield(AuditRecord{}, err)
		}
	}
}

// lastFirst visits what a bucket has under numbers before one, the last first; before 0 begins at the end.
func lastFirst(b *bbolt.Bucket, before uint64) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		c := b.Cursor()
		k, data := c.Last()
		if before > 0 {
			if k, _ = c.Seek(number(before)); k == nil {
				k, data = c.Last()
			} else {
				k, data = c.Prev()
			}
		}
		for ; k != nil && yield(data); k, data = c.Prev() {
		}
	}
}

func decodeAudit(data []byte) (AuditRecord, error) {
	var r AuditRecord
	if err := json.Unmarshal(data, &r); err != nil {
		return AuditRecord{}, fmt.Errorf("read audit record: %w: run dialtree check", err)
	}
	return r, nil
}

// writeAudit records who did what, and forgets the oldest records.
func (a *applier) writeAudit() error {
	records := append(a.auditRecords(), a.c.Audit...)
	if len(records) == 0 {
		return nil
	}
	b := a.tx.Bucket(bucketAudit)
	n := uint64(0)
	if last, _ := b.Cursor().Last(); last != nil {
		n = binary.BigEndian.Uint64(last)
	}
	for _, r := range records {
		n++
		r.N, r.At = n, a.now
		if a.changed() {
			r.Change = a.seq
		}
		r.Fields = boundedFields(r.Fields)
		if err := putJSON(b, number(n), r); err != nil {
			return err
		}
	}
	a.audited = true
	return a.pruneAudit(n)
}

// pruneAudit leaves the last records.
func (a *applier) pruneAudit(last uint64) error {
	if last <= keptAudit {
		return nil
	}
	b := a.tx.Bucket(bucketAudit)
	var old [][]byte // bbolt's cursors skip keys when one is deleted under them
	c := b.Cursor()
	for k, _ := c.First(); k != nil && binary.BigEndian.Uint64(k) <= last-keptAudit; k, _ = c.Next() {
		old = append(old, bytes.Clone(k))
	}
	for _, k := range old {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// audit checks that the audit records can be read and that none is missing between the first and the last.
func (c *checker) audit() error {
	last := uint64(0)
	return c.forEach(bucketAudit, func(k, v []byte) error {
		if len(k) != 8 {
			return c.report(fmt.Sprintf("audit record with the key %q", k), "the key is not a number")
		}
		n := binary.BigEndian.Uint64(k)
		where := fmt.Sprintf("audit record %d", n)
		before := last
		last = n
		r, err := decodeAudit(v)
		switch {
		case err != nil:
			return c.report(where, "%v", err)
		case r.N != n:
			return c.report(where, "it calls itself %d", r.N)
		case before != 0 && n != before+1:
			return c.report(where, "it follows record %d", before)
		case r.Change > c.seq:
			return c.report(where, "its change %d is later than the store's last change %d", r.Change, c.seq)
		}
		return nil
	})
}
