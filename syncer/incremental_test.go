package syncer_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer"
	"github.com/dialtree/dialtree/syncer/source/ldap/ldaptest"
)

// A countingDirectory is one whose entries have numbers that count up with each change,
// as Active Directory's have.
type countingDirectory struct {
	*ldaptest.Peer
	changed map[string]int // by DN
	last    int
}

func newCountingDirectory(uids ...string) *countingDirectory {
	const settings = "CN=NTDS Settings,CN=DC1,DC=example,DC=com"
	d := &countingDirectory{changed: map[string]int{}, Peer: &ldaptest.Peer{
		Root:    map[string][]string{"dsServiceName": {settings}},
		Entries: []ldaptest.Entry{{DN: settings, Attributes: map[string][]string{"invocationId": {"0123456789abcdef"}}}},
	}}
	d.Matches = func(filter string, e ldaptest.Entry) bool {
		_, from, partial := strings.Cut(filter, "uSNChanged>=")
		n, _ := strconv.Atoi(strings.TrimRight(from, ")"))
		return e.DN == settings || strings.HasPrefix(e.DN, "uid=") && (!partial || d.changed[e.DN] >= n) && !strings.Contains(filter, "=group)")
	}
	for _, uid := range uids {
		d.Entries = append(d.Entries, colleague(uid))
		d.touch(uid, "objectGUID", strings.Repeat(uid[:1], 16))
	}
	return d
}

func (d *countingDirectory) find(uid string) *ldaptest.Entry {
	i := slices.IndexFunc(d.Entries, func(e ldaptest.Entry) bool { return strings.HasPrefix(e.DN, "uid="+uid+",") })
	return &d.Entries[i]
}

// touch changes an attribute.
func (d *countingDirectory) touch(uid, attribute, value string) {
	e := d.find(uid)
	e.Attributes[attribute] = []string{value}
	d.last++
	d.changed[e.DN] = d.last
	d.Root["highestCommittedUSN"] = []string{strconv.Itoa(d.last)}
}

func (d *countingDirectory) remove(uid string) {
	dn := d.find(uid).DN
	d.Entries = slices.DeleteFunc(d.Entries, func(e ldaptest.Entry) bool { return e.DN == dn })
}

// What changed is fetched by schedule, and once a day everything. A fetch of changes never removes anything.
func TestIncremental(t *testing.T) {
	d := newCountingDirectory("alice", "bob", "carol")
	d.Start(t)
	w := newWorld(t, func(c *store.Connector) {
		c.Template, c.Source = "ad-users", store.Source{AD: &store.ADSource{}}
		readFrom(c, d.Peer)
		c.Source.AD.Incremental = true
	})
	now := time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)
	var err error
	if w.syncer, err = syncer.New(syncer.Options{Store: w.store, Now: func() time.Time { return now }}); err != nil {
		t.Fatal(err)
	}
	scheduled := func(partial bool, counts ...int) {
		t.Helper()
		now = now.Add(time.Minute)
		r, err := w.syncer.ImportChanges(t.Context(), "staff")
		if err != nil {
			t.Fatal(err)
		}
		w.want(r, store.RunDone, counts[0], counts[1], counts[2], counts[3], 0)
		if r.Run.Fetch == nil || r.Run.Fetch.Partial != partial {
			t.Errorf("the fetch is %+v, want partial %t", r.Run.Fetch, partial)
		}
	}
	scheduled(false, 3, 0, 0, 0)
	scheduled(true, 0, 0, 0, 0)
	d.touch("alice", "title", "Director")
	scheduled(true, 0, 1, 0, 0)
	d.remove("bob")
	d.touch("carol", "title", "Director")
	scheduled(true, 0, 1, 0, 0)
	if _, err := w.store.User("bob"); err != nil {
		t.Errorf("a fetch of changes removed somebody: %v", err)
	}

	// A failure loses nothing: the next fetch goes on where the last good one ended.
	d.touch("alice", "title", "Professor")
	d.Before = func(c *ldaptest.Client, m *ldapwire.Message) bool { return c.Done(m.ID, ldapwire.Busy, "") }
	if r, err := w.syncer.ImportChanges(t.Context(), "staff"); err != nil || r.Run.Result != store.RunFailed {
		t.Errorf("%+v, %v", r, err)
	}
	d.Before = nil
	scheduled(true, 0, 1, 0, 0)

	now = now.Add(24 * time.Hour)
	scheduled(false, 0, 0, 1, 2)
	scheduled(true, 0, 0, 0, 0)

	// A run by hand fetches everything, and what a schedule starts goes on from there.
	d.touch("alice", "title", "Emeritus")
	w.done(0, 1, 0, 1, 0)
	scheduled(true, 0, 0, 0, 0)

	// What an undo put back did not change in the source.
	runs, err := w.store.Runs("staff", 0)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(runs, func(r store.Run) bool { return r.Updated == 1 })
	if _, err := w.syncer.Undo(t.Context(), runs[i].ID, "ada"); err != nil {
		t.Fatal(err)
	}
	scheduled(false, 0, 1, 0, 1)

	// A changed connector may mean something else for what has not changed.
	w.configure(func(c *store.Connector) { c.Variables = map[string]string{"notes": "title"} })
	scheduled(false, 0, 2, 0, 0)
}
