package admin_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/store"
)

// A fakeCommitter decides about the store's changes in place of etcd.
type fakeCommitter struct{ away atomic.Bool }

func (c *fakeCommitter) Draft(ctx context.Context, _ bool) (store.Draft, error) {
	if c.away.Load() {
		return nil, &store.AwayError{Err: errors.New("etcd does not answer")}
	}
	return fakeDraft{}, ctx.Err()
}

type fakeDraft struct{}

func (fakeDraft) Write(p []byte) (int, error) { return len(p), nil }
func (fakeDraft) Discard()                    {}
func (fakeDraft) Commit(ctx context.Context, after store.Position) (store.Position, error) {
	return store.Position{Index: after.Index + 1, Chain: sha256.Sum256(after.Chain[:])}, ctx.Err()
}

// clustered starts a server whose store shares its content.
func clustered(t *testing.T) (*bench, *fakeCommitter) {
	t.Helper()
	c := &fakeCommitter{}
	b := startWith(t, func(o *admin.Options) {
		if err := o.Store.Begin(t.Context(), "8a1f2c9e-0000-4000-8000-000000000001", [32]byte{1}); err != nil {
			t.Fatal(err)
		}
		o.Store.Share(c)
	})
	return b, c
}

func TestChangesWhileAway(t *testing.T) {
	b, c := clustered(t)
	b.apply(t, people+"---\n"+staff)
	ada := b.signedIn(t, "ada")
	c.away.Store(true)
	w := ada.ask(t, http.MethodDelete, "/api/v1/users/paul", "")
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "5" || !strings.Contains(w.Body.String(), "logins and searches go on") {
		t.Errorf("a change: %d %v %s", w.Code, w.Header(), w.Body)
	}
	if w := ada.ask(t, http.MethodPost, "/api/v1/connectors/staff/jobs", ""); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "5" {
		t.Errorf("a run: %d %s", w.Code, w.Body)
	}
	if w := ada.ask(t, http.MethodPost, "/api/v1/connectors/staff/jobs?dry_run=true", ""); w.Code != http.StatusAccepted {
		t.Errorf("a dry run: %d %s", w.Code, w.Body)
	}
	c.away.Store(false)
	if w := ada.ask(t, http.MethodDelete, "/api/v1/users/paul", ""); w.Code != http.StatusNoContent || w.Header().Get("Retry-After") != "" {
		t.Errorf("when it is back: %d %s", w.Code, w.Body)
	}
}

// Who is needed most during an outage must get in.
func TestSessionsWhileAway(t *testing.T) {
	b, c := clustered(t)
	b.apply(t, people)
	ed := b.signedIn(t, "ed")
	c.away.Store(true)
	ada := b.signedIn(t, "ada")
	for name, v := range map[string]*visitor{"who was signed in before": ed, "who signed in meanwhile": ada} {
		if w := v.ask(t, http.MethodGet, "/api/v1/me", ""); w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if w := v.ask(t, http.MethodDelete, "/api/v1/session", ""); w.Code != http.StatusNoContent {
			t.Errorf("sign-out of %s: %d %s", name, w.Code, w.Body)
		}
		if w := v.ask(t, http.MethodGet, "/api/v1/me", ""); w.Code != http.StatusUnauthorized {
			t.Errorf("%s, signed out: %d", name, w.Code)
		}
	}
}

// Who works at the page throughout a long outage stays signed in; who leaves it does not.
func TestSessionsInUseWhileAway(t *testing.T) {
	var now atomic.Int64
	now.Store(time.Now().Unix())
	c := &fakeCommitter{}
	b := startWith(t, func(o *admin.Options) {
		o.Now = func() time.Time { return time.Unix(now.Load(), 0) }
		if err := o.Store.Begin(t.Context(), "8a1f2c9e-0000-4000-8000-000000000001", [32]byte{1}); err != nil {
			t.Fatal(err)
		}
		o.Store.Share(c)
	})
	b.apply(t, people)
	ada, ed := b.signedIn(t, "ada"), b.signedIn(t, "ed")
	c.away.Store(true)
	for range 4 {
		now.Add(20 * 60)
		if w := ada.ask(t, http.MethodGet, "/api/v1/me", ""); w.Code != http.StatusOK {
			t.Fatalf("who was there all the time: %d %s", w.Code, w.Body)
		}
	}
	if w := ed.ask(t, http.MethodGet, "/api/v1/me", ""); w.Code != http.StatusUnauthorized {
		t.Errorf("who was not: %d", w.Code)
	}
	c.away.Store(false)
	now.Add(4 * 60)
	if w := ada.ask(t, http.MethodGet, "/api/v1/me", ""); w.Code != http.StatusOK {
		t.Errorf("when it is back: %d %s", w.Code, w.Body)
	}
	if all, err := b.store.Sessions(); err != nil || !slices.ContainsFunc(all, func(s store.Session) bool { return s.Name == "ada" && s.Seen.Unix() == now.Load() }) {
		t.Errorf("the others are not told: %+v, %v", all, err)
	}
}

// What changes nothing is done although its audit record cannot be shared; the log has the record.
func TestAuditWhileAway(t *testing.T) {
	b, c := clustered(t)
	b.apply(t, "{kind: device, name: branch, password: hunter2-hunter2}")
	c.away.Store(true)
	path := filepath.Join(t.TempDir(), "backup")
	if _, err := b.client.Backup(t.Context(), path); err != nil {
		t.Errorf("a backup: %v", err)
	}
	sheet, err := b.client.PhoneSettings(t.Context(), "yealink", admin.PhoneOptions{Device: "branch", Secret: true})
	if err != nil {
		t.Fatalf("a phone's settings: %v", err)
	}
	if sheet == nil {
		t.Fatal("no settings")
	}
	log := b.log.String()
	for _, want := range []string{"wrote a backup", "path=" + path, "was shown the secret", "name=branch"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q", want)
		}
	}
	if strings.Contains(log, "hunter2") {
		t.Error("the log has the secret")
	}
}
