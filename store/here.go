package store

import (
	"bytes"
	"context"
	"fmt"

	"go.etcd.io/bbolt"
)

// While the other nodes are out of reach, sessions are noted in bucketHere: those that begin at this node, which no other will ever know, and the
// shared ones that ended at it, which Reconcile ends for all.
const (
	hereSession = 's' // then the ID → the session
	hereEnded   = 'e' // then the ID → nothing
)

func hereKey(what byte, id string) []byte { return append([]byte{what}, id...) }

func fromHere(tx *bbolt.Tx, what byte, id string) []byte {
	return tx.Bucket(bucketHere).Get(hereKey(what, id))
}

func sessionHere(tx *bbolt.Tx, id string) []byte { return fromHere(tx, hereSession, id) }
func isHere(tx *bbolt.Tx, id string) bool        { return sessionHere(tx, id) != nil }
func endedHere(tx *bbolt.Tx, id string) bool     { return fromHere(tx, hereEnded, id) != nil }

// onlyHere tells whether a session is this node's alone. One that is noted here can have become a shared one where this node could not take that over at once.
func onlyHere(tx *bbolt.Tx, id string) bool {
	return isHere(tx, id) && tx.Bucket(bucketSessions).Get([]byte(id)) == nil
}

func sessionsHere(tx *bbolt.Tx) (all []Session, err error) {
	c := tx.Bucket(bucketHere).Cursor()
	for k, data := c.Seek([]byte{hereSession}); k != nil && k[0] == hereSession; k, data = c.Next() {
		s, err := decodeSession(data)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// endHere ends a session that only this node knows, and notes the end of a shared one that others must learn of.
func (a *applier) endHere(id string, shared bool) error {
	if err := a.forgetHere(id); err != nil || a.how != away || !shared {
		return err
	}
	return a.w.table(bucketHere).Put(hereKey(hereEnded, id), []byte{})
}

// forgetHere forgets what was noted of a session.
func (a *applier) forgetHere(id string) error {
	here := a.w.table(bucketHere)
	for _, what := range []byte{hereSession, hereEnded} {
		key := hereKey(what, id)
		if here.Get(key) == nil {
			continue
		}
		if err := here.Delete(key); err != nil {
			return err
		}
	}
	return nil
}

// putHere notes a session that only this node knows, and forgets those that have expired.
func (a *applier) putHere(s Session) error {
	all, err := sessionsHere(a.tx)
	if err != nil {
		return err
	}
	for _, old := range all {
		if old.Expires.Before(a.now) {
			if err := a.forgetHere(old.ID); err != nil {
				return err
			}
		}
	}
	if endedHere(a.tx, s.ID) {
		return fmt.Errorf("put session: %q has ended", s.ID)
	}
	return a.w.table(bucketHere).putJSON(hereKey(hereSession, s.ID), s)
}

// Reconcile does for all nodes what was noted at this one while they were out of reach: sessions that ended. It does nothing where there is nothing.
func (s *Store) Reconcile(ctx context.Context) error {
	ended, err := view(s, func(v *Snapshot) (ids []string, err error) {
		c := v.tx.Bucket(bucketHere).Cursor()
		for k, _ := c.Seek([]byte{hereEnded}); k != nil && k[0] == hereEnded; k, _ = c.Next() {
			ids = append(ids, string(k[1:]))
		}
		return ids, nil
	})
	if err != nil || len(ended) == 0 {
		return err
	}
	_, err = s.applyForAll(ctx, &Changes{EndSessions: ended})
	return err
}

// here checks what was noted while the others were out of reach.
func (c *checker) here() error {
	return c.forEach(bucketHere, func(k, v []byte) error {
		switch {
		case k[0] == hereSession:
			return c.session(string(k[1:]), v)
		case k[0] == hereEnded && len(v) == 0:
			return nil
		}
		return c.report(fmt.Sprintf("what was noted here with the key %q", k), "it makes no sense")
	})
}

// takeHere makes what was noted here the store's, which shares with nobody any more.
func takeHere(w *writes) error {
	here, sessions := w.tx.Bucket(bucketHere), w.table(bucketSessions)
	err := here.ForEach(func(k, v []byte) error {
		if k[0] == hereEnded {
			return sessions.Delete(k[1:])
		}
		return sessions.Put(k[1:], bytes.Clone(v))
	})
	if err != nil {
		return err
	}
	if err := w.tx.DeleteBucket(bucketHere); err != nil {
		return err
	}
	return w.createBucket(bucketHere)
}
