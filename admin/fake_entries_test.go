package admin_test

import (
	"context"
	"encoding/hex"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/store"
)

// fakeFinder finds entries that have the text in some value, by a walk through the store.
type fakeFinder struct{ store *store.Store }

func (f fakeFinder) Find(ctx context.Context, q admin.FindQuery) (admin.FoundPage, error) {
	after, err := hex.DecodeString(q.After)
	if err != nil {
		return admin.FoundPage{}, admin.ErrBadPlace
	}
	var keys []string
	for e, err := range f.store.Entries(ctx, store.Query{Kind: q.Kind, Phonebook: q.Phonebook}) {
		if err != nil {
			return admin.FoundPage{}, err
		}
		has := slices.ContainsFunc(e.Values, func(v store.Value) bool { return strings.Contains(v.Text, q.Text) })
		if e.Hidden() || !has || q.Only != nil && !q.Only[e.ID] {
			continue
		}
		name := e.Values.First(store.DisplayName)
		if q.Kind == store.KindUser {
			name = e.Values.First(store.Username)
		}
		keys = append(keys, strings.ToLower(name)+"\x00"+e.ID)
	}
	slices.Sort(keys)
	page := admin.FoundPage{Total: len(keys)}
	last := ""
	for _, k := range keys {
		if q.After != "" && k <= string(after) {
			continue
		}
		if q.Limit > 0 && len(page.IDs) == q.Limit {
			page.Next = hex.EncodeToString([]byte(last))
			break
		}
		page.IDs, last = append(page.IDs, k[strings.IndexByte(k, 0)+1:]), k
	}
	return page, nil
}

// Dialled knows 0… as +49…, and no letters.
func (fakeFinder) Dialled(number string) string {
	digits := strings.Map(func(r rune) rune {
		if strings.ContainsRune("0123456789+*#", r) {
			return r
		}
		return -1
	}, number)
	if rest, ok := strings.CutPrefix(digits, "0"); ok {
		return "+49" + rest
	}
	return digits
}

func (fakeFinder) DN(e *store.Entry) string { return "uid=" + e.ID }

// fakeLoginWatch knows the logins of alice, who is throttled together with a network.
type fakeLoginWatch struct{}

func (fakeLoginWatch) Latest(user string, limit int) []admin.Login {
	if user != "" && user != "alice" {
		return nil
	}
	return make([]admin.Login, min(limit, 700))
}

func (fakeLoginWatch) Throttled() admin.Throttled {
	return admin.Throttled{Users: []admin.ThrottledName{{Name: "alice", Failures: 4}}}
}

func (fakeLoginWatch) ResetUser(name string) bool { return name == "alice" }

func (fakeLoginWatch) ResetAddress(name string) bool { return name == "2001:db8::/64" }

// newServer returns a server that listens nowhere.
func newServer(t testing.TB, st *store.Store) *admin.Server {
	t.Helper()
	server, err := admin.New(admin.Options{
		Store: st, Syncer: &fakeSyncer{}, Logins: fakeLogins{}, Upstreams: fakeUpstreams{}, Gatherer: prometheus.NewRegistry(), Front: fakeFront(),
		Directory: fakeDirectory{}, Devices: &fakeDevices{store: st}, Finder: fakeFinder{st}, LoginWatch: fakeLoginWatch{}, SignIns: &fakeSignIns{}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return server
}
