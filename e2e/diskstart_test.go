//go:build e2e

package e2e_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/torture"
	"github.com/dialtree/dialtree/store"
)

// What a start costs that looks at every page, and the check of the entries that follows while the server works.
func TestTortureStartCheck(t *testing.T) {
	n := torture.Pick(20_000, 200_000)
	dir := t.TempDir()
	s := must[*store.Store](t)(store.Open(t.Context(), store.Options{Dir: dir}))
	changes := &store.Changes{PutObjects: []store.Object{&store.Phonebook{Name: "customers"}}}
	for i := range n {
		changes.Put = append(changes.Put, store.Entry{Kind: store.KindContact, Phonebook: "customers", Values: store.Values{
			{Field: store.DisplayName, Text: fmt.Sprintf("Contact %d", i)}, {Field: store.Phone, Text: fmt.Sprint(4930000000 + i)}}})
	}
	_, err := s.Apply(t.Context(), changes)
	check(t, err)
	check(t, s.Close())
	begun := time.Now()
	s = must[*store.Store](t)(store.Open(t.Context(), store.Options{Dir: dir}))
	defer s.Close()
	opened := time.Since(begun)
	begun = time.Now()
	problems, err := s.CheckContent(t.Context())
	check(t, err)
	if len(problems) > 0 {
		t.Error(problems)
	}
	torture.Note(t, disk, "A start on 200,000 contacts: until every page was looked at, and the check of all entries while the server works", torture.Dialtree,
		"%d ms, %.1f s", opened.Milliseconds(), time.Since(begun).Seconds())
	if opened > 20*time.Second {
		t.Errorf("opening takes %v", opened)
	}
}
