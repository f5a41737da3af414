package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// A Session is somebody who is signed in. It is no object: nobody writes one by hand, and a change of sessions alone is no
// change of the store that its readers could see.
type Session struct {
	ID        string    `json:"id"`
	Hash      []byte    `json:"hash"` // SHA-256 of the cookie's secret, which is kept nowhere
	Name      string    `json:"name"` // of the administrator or the user
	Directory bool      `json:"directory,omitempty"`
	Role      string    `json:"role"`
	Stamp     []byte    `json:"stamp"` // of what the session was begun with: password, role
	From      string    `json:"from"`
	Agent     string    `json:"agent"`
	Started   time.Time `json:"started"`
	Seen      time.Time `json:"seen"` // behind the truth by some minutes
	Expires   time.Time `json:"expires"`
}

// A SessionSeen notes that a session is in use.
type SessionSeen struct {
	ID string
	At time.Time
}

// Session returns a session, or a *NotFoundError.
func (s *Store) Session(id string) (Session, error) {
	return view(s, func(v *Snapshot) (Session, error) {
		data := v.tx.Bucket(bucketSessions).Get([]byte(id))
		if data == nil {
			return Session{}, notFound("session %q", id)
		}
		return decodeSession(data)
	})
}

// Sessions returns all sessions, ordered by ID.
func (s *Store) Sessions() ([]Session, error) {
	return view(s, func(v *Snapshot) ([]Session, error) {
		var all []Session
		err := v.tx.Bucket(bucketSessions).ForEach(func(_, data []byte) error {
			session, err := decodeSession(data)
			all = append(all, session)
			return err
		})
		return all, err
	})
}

// endSessions ends all sessions.
func (s *Store) endSessions(ctx context.Context) error {
	all, err := s.Sessions()
	if err != nil || len(all) == 0 {
		return err
	}
	var end Changes
	for _, session := range all {
		end.EndSessions = append(end.EndSessions, session.ID)
	}
	_, err = s.Apply(ctx, &end)
	return err
}

func decodeSession(data []byte) (Session, error) {
	var s Session
	if err := json.Unmarshal(data, &s); err != nil {
		return Session{}, fmt.Errorf("read session: %w: run dialtree check", err)
	}
	return s, nil
}

// changeSessions ends sessions, then puts some. One that ended is not brought back by having been seen.
func (a *applier) changeSessions() error {
	b := a.tx.Bucket(bucketSessions)
	for _, id := range a.c.EndSessions {
		if err := b.Delete([]byte(id)); err != nil {
			return err
		}
	}
	for _, s := range a.c.PutSessions {
		if err := validateSession(&s); err != nil {
			return fmt.Errorf("put session: %w", err)
		}
		if err := putJSON(b, []byte(s.ID), s); err != nil {
			return err
		}
	}
	for _, seen := range a.c.SeenSessions {
		if err := noteSeen(b, seen); err != nil {
			return err
		}
	}
	return nil
}

func noteSeen(b *bbolt.Bucket, seen SessionSeen) error {
	data := b.Get([]byte(seen.ID))
	if data == nil {
		return nil
	}
	s, err := decodeSession(data)
	if err != nil || !seen.At.After(s.Seen) {
		return err
	}
	s.Seen = seen.At
	return putJSON(b, []byte(s.ID), s)
}

func validateSession(s *Session) error {
	switch {
	case s.ID == "" || len(s.ID) > 64:
		return fieldErrorf("id", "must be 1 to 64 bytes")
	case len(s.Hash) != 32:
		return fieldErrorf("hash", "is no SHA-256")
	case s.Expires.IsZero():
		return fieldErrorf("expires", "is missing")
	}
	return validateRole("role", s.Role)
}

// sessions checks each session by itself.
func (c *checker) sessions() error {
	return c.forEach(bucketSessions, func(k, v []byte) error {
		where := fmt.Sprintf("session %q", k)
		s, err := decodeSession(v)
		if err != nil {
			return c.report(where, "%v", err)
		}
		if s.ID != string(k) {
			return c.report(where, "it calls itself %q", s.ID)
		}
		if err := validateSession(&s); err != nil {
			return c.report(where, "%v", err)
		}
		return nil
	})
}
