package store

import (
	"encoding/json"
	"fmt"
	"iter"
	"time"
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
	if len(records) == 0 || a.how == away {
		return nil
	}
	b := a.w.table(bucketAudit)
	n := lastNumber(b.Bucket)
	for _, r := range records {
		n++
		r.N, r.At = n, a.now
		if a.changed() {
			r.Change = a.seq
		}
		r.Fields = boundedFields(r.Fields)
		if err := b.putJSON(number(n), r); err != nil {
			return err
		}
	}
	a.audited = true
	return forget(b, func(k uint64, _ []byte) bool { return k+keptAudit <= n })
}

// audit checks that the audit records can be read and that none is missing between the first and the last.
func (c *checker) audit() error {
	return c.numbered(bucketAudit, "audit record", func(where string, n uint64, data []byte) error {
		r, err := decodeAudit(data)
		switch {
		case err != nil:
			return c.report(where, "%v", err)
		case r.N != n:
			return c.report(where, "it calls itself %d", r.N)
		case r.Change > c.seq:
			return c.report(where, "its change %d is later than the store's last change %d", r.Change, c.seq)
		}
		return nil
	})
}
