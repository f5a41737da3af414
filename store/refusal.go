package store

import (
	"encoding/json"
	"fmt"
	"iter"
	"time"
)

const (
	// keptRefusals and keptRefusalsFor bound the refusals, whichever comes first. They are apart from the audit log: whoever makes a
	// million failed logins drives out older refusals, and not one record of a change.
	keptRefusals    = 50_000
	keptRefusalsFor = 90 * 24 * time.Hour
	// maxRefusalText bounds each text of a refusal, in bytes.
	maxRefusalText = 300
)

// A Refusal is something that was refused: a login, a request, a connection. One record stands for all like ones of some seconds. No
// secret is in it; the name is what the client sent as one.
type Refusal struct {
	N       uint64    `json:"n"` // counts up; set by Apply
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
	Count   int       `json:"count"`
	Door    string    `json:"door"`           // ldap, ldaps, page, api or socket
	Name    string    `json:"name,omitempty"` // as it was sent; without control characters
	From    string    `json:"from,omitempty"` // the client's address; of several in a network, the last
	Outcome string    `json:"outcome"`        // its class, of which there are few
	Code    int       `json:"code,omitempty"` // of the answer: LDAP's or HTTP's; 0: there was none
	Reason  string    `json:"reason,omitempty"`
	Others  bool      `json:"others,omitempty"` // it counts refusals that were too many to be told apart
}

// Refusals visits the refusals before a number, the last first; before 0 begins at the end. A read ends it early.
func (s *Store) Refusals(before uint64) iter.Seq2[Refusal, error] {
	return func(yield func(Refusal, error) bool) {
		err := s.View(func(v *Snapshot) error {
			for data := range lastFirst(v.tx.Bucket(bucketRefusals), before) {
				r, err := decodeRefusal(data)
				if err != nil {
					return err
				}
				if !yield(r, nil) {
					return nil
				}
			}
			return nil
		})
		if err != nil {
			yield(Refusal{}, err)
		}
	}
}

func decodeRefusal(data []byte) (Refusal, error) {
	var r Refusal
	if err := json.Unmarshal(data, &r); err != nil {
		return Refusal{}, fmt.Errorf("read refusal: %w: run dialtree check", err)
	}
	return r, nil
}

// writeRefusals records refusals and forgets the oldest.
func (a *applier) writeRefusals() error {
	if len(a.c.Refusals) == 0 {
		return nil
	}
	b := a.w.table(bucketRefusals)
	n := lastNumber(b.Bucket)
	for _, r := range a.c.Refusals {
		n++
		r.N = n
		for _, text := range []*string{&r.Door, &r.Name, &r.From, &r.Outcome, &r.Reason} {
			*text = cut(*text, maxRefusalText)
		}
		if err := b.putJSON(number(n), r); err != nil {
			return err
		}
	}
	a.audited = true
	old := a.now.Add(-keptRefusalsFor)
	return forget(b, func(k uint64, data []byte) bool {
		if k+keptRefusals <= n {
			return true
		}
		r, err := decodeRefusal(data)
		return k < n && err == nil && r.Last.Before(old)
	})
}

// refusals checks that the refusals can be read and that none is missing between the first and the last.
func (c *checker) refusals() error {
	return c.numbered(bucketRefusals, "refusal", func(where string, n uint64, data []byte) error {
		r, err := decodeRefusal(data)
		switch {
		case err != nil:
			return c.report(where, "%v", err)
		case r.N != n:
			return c.report(where, "it calls itself %d", r.N)
		case r.Count < 1 || r.Last.Before(r.First):
			return c.report(where, "it counts %d from %s to %s", r.Count, r.First.Format(time.RFC3339), r.Last.Format(time.RFC3339))
		}
		return nil
	})
}
