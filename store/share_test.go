package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"
)

// twoNodes are two stores that share their content.
func twoNodes(t *testing.T) (l *sharedLog, a, b *Store) {
	t.Helper()
	a = openTest(t)
	seed(t, a)
	l = begin(t, a)
	return l, a, l.join(t, a, t.TempDir())
}

// A file of schema version 4 gets what version 5 adds, and keeps what it has.
func TestMigrationFrom4(t *testing.T) {
	dir := t.TempDir()
	s := openDir(t, dir)
	seed(t, s)
	apply(t, s, Changes{Put: []Entry{user("alice")}})
	seq := s.Seq()
	err := errors.Join(s.db.Update(func(tx *bbolt.Tx) error {
		return errors.Join(tx.DeleteBucket(bucketHere), tx.DeleteBucket(bucketPlans), putMetaNumber(tx, metaSchema, 4))
	}), s.Close())
	if err != nil {
		t.Fatal(err)
	}
	s = openDir(t, dir)
	if _, err := s.User("alice"); err != nil || s.Seq() != seq || s.Schema() != SchemaVersion() {
		t.Errorf("change %d, then %d; schema %d; %v", seq, s.Seq(), s.Schema(), err)
	}
	apply(t, s, Changes{PutPlans: []Plan{{"staff", []byte("{}")}}})
	if _, err := os.Stat(filepath.Join(dir, fileName+".schema-4")); err != nil {
		t.Error(err)
	}
}

func TestPlans(t *testing.T) {
	s := openTest(t)
	seed(t, s)
	seq := s.Seq()
	apply(t, s, Changes{PutPlans: []Plan{{"staff", []byte(`{"a":1}`)}, {"other", []byte("2")}}})
	if data, err := s.Plan("staff"); string(data) != `{"a":1}` || err != nil || s.Seq() != seq {
		t.Errorf("%q, %v, change %d", data, err, s.Seq())
	}
	apply(t, s, Changes{ForgetPlans: []string{"staff", "unknown"}, RemoveObjects: []ObjectRef{{ObjectConnector, "other"}}})
	for _, name := range []string{"staff", "other"} {
		if _, err := s.Plan(name); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, p := range map[string]Plan{
		"no connector": {"nobody", []byte("1")},
		"no JSON":      {"staff", []byte("{")},
		"too large":    {"staff", append(bytes.Repeat([]byte(" "), maxPlan), '1')},
	} {
		if _, err := s.Apply(t.Context(), &Changes{PutPlans: []Plan{p}}); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// A member without its Committer changes what is its own only.
func TestMemberWithoutCommitter(t *testing.T) {
	s := openTest(t)
	seed(t, s)
	if err := s.Begin(t.Context(), testCluster, [32]byte{1}); err != nil {
		t.Fatal(err)
	}
	var member *MemberError
	if _, err := s.Apply(t.Context(), &Changes{Put: []Entry{user("a")}}); !errors.As(err, &member) || !strings.Contains(err.Error(), "dialtree cluster leave") {
		t.Errorf("got %v", err)
	}
	apply(t, s, Changes{Refusals: []Refusal{{Count: 1}}})
	apply(t, s, Changes{Put: []Entry{user("a")}, DryRun: true})
	if err := s.Begin(t.Context(), testCluster, [32]byte{1}); err == nil {
		t.Error("it began twice")
	}
	if err := s.Leave(t.Context()); err != nil || s.Membership() != (Membership{}) {
		t.Fatalf("%v, %+v", err, s.Membership())
	}
	apply(t, s, Changes{Put: []Entry{user("a")}})
	if err := s.Leave(t.Context()); err == nil {
		t.Error("it left twice")
	}
}

func TestSessionsWhileAway(t *testing.T) {
	l, a, b := twoNodes(t)
	apply(t, a, Changes{PutSessions: []Session{session("both"), session("stays")}})
	if err := l.catchUp(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	l.away = true
	at := b.Membership().Position
	apply(t, b, Changes{PutSessions: []Session{session("mine"), session("brief")}, Audit: []AuditRecord{{Action: "signed in"}}})
	apply(t, b, Changes{PutSessions: []Session{session("both")}}) // once more, as with another stamp
	apply(t, b, Changes{EndSessions: []string{"both"}})
	apply(t, b, Changes{EndSessions: []string{"brief"}})
	has := func(when string, want ...string) {
		t.Helper()
		all, err := b.Sessions()
		var got []string
		for _, s := range all {
			got = append(got, s.ID)
		}
		if err != nil || strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s: %v, %v", when, got, err)
		}
	}
	has("away", "mine", "stays")
	if _, err := b.Session("both"); !errors.Is(err, ErrNotFound) || b.Membership().Position != at {
		t.Errorf("%v, at %d", err, b.Membership().Index)
	}
	if _, err := b.Apply(t.Context(), &Changes{Put: []Entry{user("x")}}); !errors.Is(err, ErrAway) {
		t.Errorf("an entry: %v", err)
	}
	if err := b.Reconcile(t.Context()); !errors.Is(err, ErrAway) {
		t.Errorf("reconcile while away: %v", err)
	}
	l.away = false
	if err := errors.Join(b.Reconcile(t.Context()), l.catchUp(t.Context(), a)); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Session("both"); !errors.Is(err, ErrNotFound) {
		t.Errorf("at the other node: %v", err)
	}
	has("back", "mine", "stays")
	head := l.head()
	apply(t, b, Changes{EndSessions: []string{"mine"}})
	if has("ended", "stays"); l.head() != head {
		t.Error("the others were told of what they never knew")
	}
	sameContent(t, a, b)
}

// A session that becomes a shared one while its end waits for its turn ends for all.
func TestASessionIsSharedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, a, b := twoNodes(t)
		apply(t, b, Changes{PutSessions: []Session{session("s")}})
		move := func(from, to []byte, key, as []byte) {
			t.Helper()
			err := b.db.Update(func(tx *bbolt.Tx) error {
				data := bytes.Clone(tx.Bucket(from).Get(key))
				return errors.Join(tx.Bucket(from).Delete(key), tx.Bucket(to).Put(as, data))
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		move(bucketSessions, bucketHere, []byte("s"), hereKey(hereSession, "s"))
		if err := b.lock(t.Context()); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() {
			_, err := b.Apply(t.Context(), &Changes{EndSessions: []string{"s"}})
			ended <- err
		}()
		synctest.Wait()
		move(bucketHere, bucketSessions, hereKey(hereSession, "s"), []byte("s"))
		b.unlock()
		if err := errors.Join(<-ended, l.catchUp(t.Context(), a)); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Session("s"); !errors.Is(err, ErrNotFound) {
			t.Errorf("at the other node: %v", err)
		}
		sameContent(t, a, b)
	})
}

// When the disk fails behind the cluster's commit, the error says that the change was made, and Follow brings it.
func TestMadeForAllButHere(t *testing.T) {
	l, a, b := twoNodes(t)
	l.after = func() { a.db.MaxSize = 1 } // the file cannot grow any more
	_, err := a.Apply(t.Context(), &Changes{Put: users(3000, 1)})
	var failed *WriteError
	if !errors.As(err, &failed) || !failed.Made || !strings.HasPrefix(err.Error(), "the change was made for all nodes, but this one cannot write it to ") {
		t.Fatalf("got %v", err)
	}
	if trouble := a.Trouble(); !errors.As(trouble, &failed) || a.Membership().Index != 0 {
		t.Errorf("its trouble is %v, at %d", trouble, a.Membership().Index)
	}
	a.db.MaxSize = 0
	if err := errors.Join(l.catchUp(t.Context(), a), l.catchUp(t.Context(), b)); err != nil {
		t.Fatal(err)
	}
	if a.Counts().Users != 3000 || a.Trouble() != nil {
		t.Errorf("%d users, trouble %v", a.Counts().Users, a.Trouble())
	}
	sameContent(t, a, b)
}

// Once a change is made for all, the end of its context does not keep it from this node.
func TestMadeIsTakenOver(t *testing.T) {
	l, a, _ := twoNodes(t)
	ctx, cancel := context.WithCancel(t.Context())
	l.after = cancel
	if _, err := a.Apply(ctx, &Changes{Put: []Entry{user("alice")}}); err != nil || a.Membership().Position != l.head() {
		t.Fatalf("%v, at %d", err, a.Membership().Index)
	}
}

func TestFollowRefuses(t *testing.T) {
	l, a, b := twoNodes(t)
	apply(t, a, Changes{Put: []Entry{user("alice")}})
	apply(t, a, Changes{Put: []Entry{user("bob")}})
	first, second := Position{1, l.chains[0]}, Position{2, l.chains[1]}
	_, before, _ := b.Digest(t.Context())
	stream := func(schema uint64, f func(*noter)) []byte {
		var w bytes.Buffer
		n := newNoter(&w, streamChange, schema)
		f(n)
		if err := n.end(); err != nil {
			t.Fatal(err)
		}
		return w.Bytes()
	}
	tests := []struct {
		name   string
		at     Position
		stream []byte
		want   string
	}{
		{"not the next", second, l.changes[1], "not the next change"},
		{"cut off", first, l.changes[0][:len(l.changes[0])-3], "cut off"},
		{"empty", first, nil, "cut off"},
		{"longer", first, append(bytes.Clone(l.changes[0]), 0), "something follows"},
		{"a content", first, append([]byte{streamContent}, l.changes[0][1:]...), "it begins with"},
		{"newer", first, stream(schemaVersion+1, func(n *noter) { n.create(200) }), "schema version"},
		{"older", first, stream(schemaVersion-2, func(n *noter) { n.create(2) }), fmt.Sprintf("run one on every node first that knows version %d", schemaVersion-1)},
		{"another's key", first, stream(schemaVersion, func(n *noter) { n.put(numberMeta, metaNode, []byte("x")) }), "each node's own"},
		{"unknown bucket", first, stream(schemaVersion, func(n *noter) { n.put(99, []byte("k"), nil) }), "no bucket 99"},
		{"another number", first, stream(schemaVersion, func(n *noter) { n.put(numberMeta, metaSeq, number(77)) }), "follows change"},
		{"counts", first, stream(schemaVersion, func(n *noter) { n.put(numberMeta, metaCounts, []byte("{")) }), "counts"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := b.Follow(t.Context(), test.at, bytes.NewReader(test.stream))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
			if at, sum, _ := b.Digest(t.Context()); sum != before || at.Index != 0 {
				t.Error("something was changed")
			}
		})
	}
	if err := b.Follow(t.Context(), first, bytes.NewReader(l.changes[0])); err != nil {
		t.Fatal(err)
	}
	if err := b.Follow(t.Context(), first, strings.NewReader("not looked at")); err != nil {
		t.Errorf("once more: %v", err)
	}
	if err := b.Follow(t.Context(), Position{1, [32]byte{1}}, bytes.NewReader(l.changes[0])); !errors.Is(err, ErrPosition) {
		t.Errorf("another history: %v", err)
	}
}

// A change whose entries can be ranged over once is not planned anew.
func TestOvertaken(t *testing.T) {
	l, a, b := twoNodes(t)
	between := func() {
		l.before = func(ctx context.Context) { apply(t, b, Changes{Put: []Entry{user("bob")}}) }
	}
	between()
	applied := apply(t, a, Changes{Put: []Entry{user("alice")}})
	if applied.Seq != 3 || a.Membership().Index != 2 {
		t.Errorf("change %d at %d", applied.Seq, a.Membership().Index)
	}
	l.before = func(ctx context.Context) { apply(t, b, Changes{Put: []Entry{user("carol")}}) }
	each := func(yield func(*Entry) bool) { e := user("dave"); yield(&e) }
	if _, err := a.Apply(t.Context(), &Changes{PutEach: each}); !isOvertaken(err) {
		t.Errorf("got %v", err)
	}
}

func TestRestoreOfAMember(t *testing.T) {
	l, a, b := twoNodes(t)
	apply(t, b, Changes{Put: []Entry{user("alice")}, PutSessions: []Session{session("s")}})
	path := filepath.Join(t.TempDir(), "backup")
	if _, err := b.Backup(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := Restore(t.Context(), dir, path); err != nil {
		t.Fatal(err)
	}
	s := openDir(t, dir)
	m := s.Membership()
	if !m.Unknown() || m.Cluster != testCluster || m.Node == b.Membership().Node {
		t.Errorf("%+v", m)
	}
	apply(t, b, Changes{Put: []Entry{user("bob")}})
	if err := s.Follow(t.Context(), l.head(), bytes.NewReader(l.changes[1])); !errors.Is(err, ErrPosition) {
		t.Errorf("it follows: %v", err)
	}
	old := s.Seq()
	if err := copyContent(t.Context(), b, s); err != nil {
		t.Fatal(err)
	}
	sameContent(t, s, b)
	if _, err := s.ChangesSince(old - 1); !errors.Is(err, ErrTooOld) {
		t.Errorf("a reader goes on: %v", err)
	}
	if err := l.catchUp(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	sameContent(t, a, s)
}

// A snapshot holds what undoing runs needs: where the content is shared the oldest runs can no longer be undone once all together take too much.
func TestImagesAreBoundedWhereTheyAreShared(t *testing.T) {
	_, _, s := twoNodes(t)
	apply(t, s, Changes{PutObjects: []Object{connector("crm"), connector("other")}})
	run := func(name string, generation int) string {
		c := Changes{Run: &Run{Connector: name, Started: time.Unix(1, 0), Finished: time.Unix(2, 0), Result: RunDone}, Undo: true}
		for i := range 50 {
			e := contact(fmt.Sprintf("%s %d of %d", name, i, generation))
			c.Put = append(c.Put, owned(e, name, fmt.Sprint(i)))
		}
		for i := range c.Put {
			if old, err := s.EntryByKey(name, fmt.Sprint(i)); err == nil {
				c.Put[i].ID = old.ID
			}
		}
		return apply(t, s, c).Run.ID
	}
	kept := func(id string) int {
		n := 0
		for _, err := range s.RunBefore(id) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		return n
	}
	var ids []string
	for generation := range 5 {
		ids = append(ids, run("crm", generation))
	}
	other := run("other", 0)
	size := 0
	err := s.View(func(v *Snapshot) error {
		for k, data := range backwards(v.tx.Bucket(bucketImages), joinNUL("crm", "")) {
			if binary.BigEndian.Uint64(k[len("crm\x00"):]) > 3 {
				size += len(data)
			}
		}
		return nil
	})
	if err != nil || size == 0 {
		t.Fatalf("%d bytes, %v", size, err)
	}
	trim := func(most int) {
		if err := s.update(t.Context(), func(w *writes) error { return trimAllImages(w, most) }); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		most int
		want []int
	}{
		{"all fit", 1 << 20, []int{50, 50, 50, 50, 50}},
		{"two fit", size, []int{0, 0, 0, 50, 50}},
		{"one byte too few for two", size - 1, []int{0, 0, 0, 0, 50}},
		{"the latest stays whatever it takes", 1, []int{0, 0, 0, 0, 50}},
	} {
		trim(c.most)
		for i, id := range ids {
			if got := kept(id); got != c.want[i] {
				t.Errorf("%s: of run %d there are %d images, not %d", c.name, i+1, got, c.want[i])
			}
		}
	}
	s.images = size
	ids = append(ids, run("crm", 5), run("crm", 6))
	for i, want := range []int{4: 0, 5: 50, 6: 50} {
		if got := kept(ids[i]); got != want {
			t.Errorf("after two more: of run %d there are %d images, not %d", i+1, got, want)
		}
	}
	if kept(other) != 50 {
		t.Error("another connector's were forgotten")
	}
	if _, err := s.Run(ids[0]); err != nil {
		t.Errorf("the run itself is gone: %v", err)
	}
	checkClean(t, s)
}

// Two contents can have the same numbers: an older one that takes the place of all must not be taken for what a reader has read.
func TestRenumber(t *testing.T) {
	_, _, b := twoNodes(t)
	apply(t, b, Changes{Put: []Entry{user("alice")}})
	path := filepath.Join(t.TempDir(), "backup")
	if _, err := b.Backup(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	apply(t, b, Changes{Put: []Entry{user("bob")}})
	dir := t.TempDir()
	if _, err := Restore(t.Context(), dir, path); err != nil {
		t.Fatal(err)
	}
	restored := openDir(t, dir)
	was := restored.Seq()
	if err := restored.Renumber(t.Context()); err != nil {
		t.Fatal(err)
	}
	if m := restored.Membership(); !m.Unknown() || restored.Seq() <= b.Seq() {
		t.Errorf("%+v at change %d", m, restored.Seq())
	}
	checkClean(t, restored)
	if _, err := restored.ChangesSince(was - 1); !errors.Is(err, ErrTooOld) {
		t.Errorf("a reader goes on: %v", err)
	}
	old := b.Seq()
	if err := copyContent(t.Context(), restored, b); err != nil {
		t.Fatal(err)
	}
	if _, err := b.ChangesSince(old); !errors.Is(err, ErrTooOld) || b.Seq() <= old {
		t.Errorf("a reader at change %d goes on: %v", old, err)
	}
	if err := openTest(t).Renumber(t.Context()); err == nil {
		t.Error("a store that is alone is renumbered")
	}
}

// A backup that is older than one that took the place of all before gets a greater number than that, too.
func TestRenumberOfAnOlderBackup(t *testing.T) {
	_, _, b := twoNodes(t)
	day := 0
	// restored takes the place of b's content, as of another day.
	restore := func(path string) {
		t.Helper()
		dir := t.TempDir()
		if _, err := Restore(t.Context(), dir, path); err != nil {
			t.Fatal(err)
		}
		day++
		now := time.Date(2026, 1, 2+day, 0, 0, 0, 0, time.UTC)
		s, err := Open(t.Context(), Options{Dir: dir, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		had := b.Seq()
		if err := errors.Join(s.Renumber(t.Context()), copyContent(t.Context(), s, b)); err != nil {
			t.Fatal(err)
		}
		if b.Seq() <= had {
			t.Errorf("change %d takes the place of change %d", b.Seq(), had)
		}
	}
	backup := func() string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "backup")
		if _, err := b.Backup(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	first := backup()
	restore(first)
	second := backup()
	restore(second)
	restore(first)
}

// The content of a cluster can be replaced by one with smaller numbers. A reader of the old one begins anew, and one of the new one waits for what comes.
func TestContentWithSmallerNumbers(t *testing.T) {
	_, _, b := twoNodes(t) // at change 1
	var content bytes.Buffer
	if _, err := b.WriteContent(t.Context(), &content); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"alice", "bob", "carol"} {
		apply(t, b, Changes{Put: []Entry{user(name)}})
	}
	l := &sharedLog{start: Position{100, [32]byte{1}}}
	if err := b.ReplaceContent(t.Context(), l.start, &content); err != nil || b.Seq() != 1 {
		t.Fatalf("%v, at change %d", err, b.Seq())
	}
	b.Share(&logCommitter{l, b})
	now, cancel := context.WithCancel(t.Context())
	cancel() // Wait returns what is there already, or fails
	if seq, err := b.Wait(now, 4); err != nil {
		t.Errorf("a reader of the old content waits: %d, %v", seq, err)
	}
	apply(t, b, Changes{Put: []Entry{user("dave")}})
	if seq, err := b.Wait(now, 2); !errors.Is(err, context.Canceled) {
		t.Errorf("a reader that has everything does not wait: %d, %v", seq, err)
	}
	for after := range uint64(5) {
		if _, err := b.ChangesSince(after); !errors.Is(err, ErrTooOld) {
			t.Errorf("change %d may be one of the old content, and a reader goes on: %v", after, err)
		}
	}
	for _, name := range []string{"erin", "frank", "grace", "heidi"} {
		apply(t, b, Changes{Put: []Entry{user(name)}})
	}
	if sets, err := b.ChangesSince(5); err != nil || len(sets) != 1 {
		t.Errorf("behind the old content's changes: %v, %v", sets, err)
	}
}

// A reader must not take the changes of another content for those that follow what it has read, at no moment of its replacement.
func TestReadersWhileTheContentIsReplaced(t *testing.T) {
	_, _, b := twoNodes(t)
	apply(t, b, Changes{Put: []Entry{user("alice")}})
	had := b.Seq()
	other := openTest(t)
	seed(t, other)
	for i := range 10 {
		apply(t, other, Changes{Put: []Entry{user(fmt.Sprint("other", i))}})
	}
	var content bytes.Buffer
	if _, err := other.WriteContent(t.Context(), &content); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	wrong := make(chan error)
	go func() {
		defer close(wrong)
		for ctx.Err() == nil {
			sets, err := b.ChangesSince(had)
			if len(sets) > 0 || err != nil && !errors.Is(err, ErrTooOld) {
				wrong <- fmt.Errorf("%d changes of another content follow change %d: %v", len(sets), had, err)
				return
			}
		}
	}()
	err := b.ReplaceContent(t.Context(), Position{100, [32]byte{1}}, &content)
	cancel()
	if err := errors.Join(err, <-wrong); err != nil {
		t.Error(err)
	}
}

func TestMemberKeepsTheCommonKey(t *testing.T) {
	_, _, b := twoNodes(t)
	dir := b.Dir()
	if err := errors.Join(b.Close(), os.Remove(filepath.Join(dir, keyFileName))); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "copy secret.key from another node") {
		t.Errorf("open: %v", err)
	}
	if _, err := ForgetSecrets(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "copy secret.key from one of them") {
		t.Errorf("forget: %v", err)
	}
}

func TestJoinKeepsTheOldStore(t *testing.T) {
	a := openTest(t)
	seed(t, a)
	l := begin(t, a)
	dir := makeStore(t)
	o, err := a.Origin()
	if err != nil {
		t.Fatal(err)
	}
	if err := Join(t.Context(), dir, testCluster, o, func(*Store) error { return io.ErrUnexpectedEOF }); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("got %v", err)
	}
	old := openDir(t, dir)
	if id := old.ID(); id == a.ID() || old.Membership().Cluster != "" {
		t.Error("a join that failed replaced the store")
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	// Decided, and interrupted: the next Open finishes it.
	if err := prepareJoin(t.Context(), dir, testCluster, o, func(s *Store) error { return copyContent(t.Context(), a, s) }); err != nil {
		t.Fatal(err)
	}
	s := openDir(t, dir)
	if s.ID() != a.ID() || s.Membership().Cluster != testCluster {
		t.Errorf("%s, %+v", s.ID(), s.Membership())
	}
	s.Share(&logCommitter{l, s})
	sameContent(t, a, s)
	for _, name := range []string{fileName, keyFileName} {
		if _, err := os.Stat(filepath.Join(dir, name+joining.kept)); err != nil {
			t.Error(err)
		}
	}
}
