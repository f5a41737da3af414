package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
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
		if here := sessionHere(v.tx, id); here != nil {
			data = here
		} else if endedHere(v.tx, id) {
			data = nil
		}
		if data == nil {
			return Session{}, notFound("session %q", id)
		}
		return decodeSession(data)
	})
}

// Sessions returns all sessions, ordered by ID.
func (s *Store) Sessions() ([]Session, error) {
	return view(s, func(v *Snapshot) ([]Session, error) {
		all, err := sessionsHere(v.tx)
		if err != nil {
			return nil, err
		}
		here := len(all)
		err = v.tx.Bucket(bucketSessions).ForEach(func(id, data []byte) error {
			if endedHere(v.tx, string(id)) || sessionHere(v.tx, string(id)) != nil {
				return nil
			}
			session, err := decodeSession(data)
			all = append(all, session)
			return err
		})
		if here > 0 {
			slices.SortFunc(all, func(x, y Session) int { return strings.Compare(x.ID, y.ID) })
		}
		return all, err
	})
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
	if !a.c.changesSessions() {
		return nil
	}
	for _, step := range [...]func() error{a.endSessions, a.putSessions, a.seeSessions} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (a *applier) endSessions() error {
	b := a.w.table(bucketSessions)
	for _, id := range a.c.EndSessions {
		known := b.Get([]byte(id)) != nil
		if err := a.endHere(id, known); err != nil {
			return err
		}
		if !known || a.how == away {
			continue
		}
		if err := b.Delete([]byte(id)); err != nil {
			return err
		}
	}
	return nil
}

func (a *applier) putSessions() error {
	b := a.w.table(bucketSessions)
	for _, s := range a.c.PutSessions {
		if err := validateSession(&s); err != nil {
			return fmt.Errorf("put session: %w", err)
		}
		if a.how == away {
			if err := a.putHere(s); err != nil {
				return err
			}
			continue
		}
		if err := errors.Join(a.forgetHere(s.ID), b.putJSON([]byte(s.ID), s)); err != nil {
			return err
		}
	}
	return nil
}

func (a *applier) seeSessions() error {
	b, here := a.w.table(bucketSessions), a.w.table(bucketHere)
	for _, seen := range a.c.SeenSessions {
		var err error
		switch {
		case isHere(a.tx, seen.ID):
			err = noteSeen(here, hereKey(hereSession, seen.ID), seen.At)
		case a.how != away && !endedHere(a.tx, seen.ID):
			err = noteSeen(b, []byte(seen.ID), seen.At)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func noteSeen(b bucket, key []byte, at time.Time) error {
	data := b.Get(key)
	if data == nil {
		return nil
	}
	s, err := decodeSession(data)
	if err != nil || !at.After(s.Seen) {
		return err
	}
	s.Seen = at
	return b.putJSON(key, s)
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
	return c.forEach(bucketSessions, func(k, v []byte) error { return c.session(string(k), v) })
}

func (c *checker) session(id string, data []byte) error {
	where := fmt.Sprintf("session %q", id)
	s, err := decodeSession(data)
	if err != nil {
		return c.report(where, "%v", err)
	}
	if s.ID != id {
		return c.report(where, "it calls itself %q", s.ID)
	}
	if err := validateSession(&s); err != nil {
		return c.report(where, "%v", err)
	}
	return nil
}
