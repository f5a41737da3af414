package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestSharedModel drives three nodes that share their content through random changes, overtakings, lost answers, times away, and crashes between a commit and its
// taking over. After each step nodes at the same position have the same content; at the end all are equal and sound.
func TestSharedModel(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { runSharedModel(t, rand.New(rand.NewPCG(seed, 7))) })
	}
}

type sharedModel struct {
	r        *rand.Rand
	l        *sharedLog
	nodes    []*Store
	sessions int
	done     map[string]int
}

func runSharedModel(t *testing.T, r *rand.Rand) {
	first := openTest(t)
	seed(t, first)
	m := &sharedModel{r: r, l: begin(t, first), nodes: []*Store{first}, done: map[string]int{}}
	for range 2 {
		m.nodes = append(m.nodes, m.l.join(t, first, t.TempDir()))
	}
	for _, s := range m.nodes {
		s.db.NoSync = true
	}
	for range 250 {
		m.step(t)
		for i, s := range m.nodes {
			sameContent(t, s, m.nodes[(i+1)%len(m.nodes)])
		}
	}
	m.end(t)
	for _, what := range []string{"applied", "refused", "overtaken", "away", "crash", "doubt", "replaced", "followed"} {
		if m.done[what] < 3 {
			t.Errorf("%s: %d times: not much of a test (%v)", what, m.done[what], m.done)
		}
	}
}

func (m *sharedModel) step(t *testing.T) {
	i := m.r.IntN(len(m.nodes))
	s := m.nodes[i]
	m.l.away = m.r.IntN(8) == 0
	defer func() { m.l.away = false }()
	switch m.r.IntN(12) {
	case 0:
		m.laggard(t, s)
	case 1:
		m.must(t, m.l.catchUp(t.Context(), s))
		m.done["followed"]++
	case 2:
		m.crash(t, i)
	case 3:
		m.l.doubt = true
		if _, err := s.Apply(t.Context(), m.changes(s)); isDoubt(err) {
			m.done["doubt"]++
		}
		m.l.doubt = false
	case 4:
		other := m.nodes[(i+1)%len(m.nodes)]
		m.l.before = func(ctx context.Context) {
			if _, err := other.Apply(ctx, m.changes(other)); err == nil {
				m.done["overtaken"]++
			}
		}
		m.apply(t, s)
		m.l.before = nil
	case 5:
		if err := s.Reconcile(t.Context()); err != nil && !errors.Is(err, ErrAway) {
			t.Fatal(err)
		}
	default:
		m.apply(t, s)
	}
}

func isDoubt(err error) bool {
	var doubt *DoubtError
	return errors.As(err, &doubt)
}

func (m *sharedModel) must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (m *sharedModel) apply(t *testing.T, s *Store) {
	t.Helper()
	head := m.l.head()
	_, err := s.Apply(t.Context(), m.changes(s))
	switch {
	case err == nil:
		m.done["applied"]++
	case errors.Is(err, ErrAway):
		m.done["away"]++
	default:
		m.done["refused"]++
	}
	if err != nil && m.l.head() != head && m.l.before != nil {
		t.Fatalf("%v, and yet something was changed", err)
	}
}

// crash closes a node when the cluster has its change and its own file does not.
func (m *sharedModel) crash(t *testing.T, i int) {
	s := m.nodes[i]
	if m.l.away {
		return
	}
	had := s.Membership().Position
	type crashed struct{}
	m.l.after = func() { panic(crashed{}) }
	func() {
		defer func() {
			if r := recover(); r != nil {
				if _, ok := r.(crashed); !ok {
					panic(r)
				}
				m.done["crash"]++
			}
		}()
		_, _ = s.Apply(t.Context(), m.changes(s))
	}()
	m.l.after = nil
	m.must(t, s.Close())
	again := openDir(t, s.Dir())
	again.db.NoSync = true
	again.Share(&logCommitter{m.l, again})
	if got := again.Membership().Index; got < had.Index {
		t.Fatalf("it was at %d and is at %d", had.Index, got)
	}
	m.nodes[i] = again
}

// laggard has a node take over the content of another that is not behind it.
func (m *sharedModel) laggard(t *testing.T, s *Store) {
	for _, other := range m.nodes {
		if other != s && other.Membership().Index > s.Membership().Index {
			m.must(t, copyContent(t.Context(), other, s))
			m.done["replaced"]++
			return
		}
	}
}

// changes are of all kinds, and many of them are refused.
func (m *sharedModel) changes(s *Store) *Changes {
	c := &Changes{By: &Actor{Who: "ada"}}
	var ids []Ref
	for e, err := range s.Entries(context.Background(), Query{}) {
		if err == nil {
			ids = append(ids, e.Ref())
		}
	}
	switch m.r.IntN(9) {
	case 0:
		m.sessions++
		c.PutSessions = []Session{session(fmt.Sprint("s", m.sessions))}
	case 1:
		all, _ := s.Sessions()
		for _, one := range all {
			if m.r.IntN(3) == 0 {
				c.EndSessions = append(c.EndSessions, one.ID)
			} else {
				c.SeenSessions = append(c.SeenSessions, SessionSeen{one.ID, one.Seen.Add(time.Minute)})
			}
		}
	case 2:
		c.PutObjects = []Object{&Device{Name: fmt.Sprint("d", m.r.IntN(4)), Password: Literal(fmt.Sprint(m.r.IntN(3)))}}
	case 3:
		c.Refusals = []Refusal{{Count: 1, Door: "ldap"}}
	case 4:
		c.PutPlans = []Plan{{"staff", fmt.Appendf(nil, "[%d]", m.r.IntN(100))}}
	case 5:
		c.ForgetPlans, c.RemoveObjects = []string{"staff"}, []ObjectRef{{ObjectDevice, fmt.Sprint("d", m.r.IntN(4))}}
	case 6:
		if len(ids) > 0 {
			c.Remove = []Ref{ids[m.r.IntN(len(ids))]}
		}
	default:
		for range 1 + m.r.IntN(3) {
			c.Put = append(c.Put, randomEntry(m.r))
		}
		c.Run, c.Undo, c.DryRun = &Run{Connector: "staff"}, true, m.r.IntN(6) == 0
	}
	return c
}

func (m *sharedModel) end(t *testing.T) {
	for _, s := range m.nodes {
		m.must(t, s.Reconcile(t.Context()))
	}
	for _, s := range m.nodes {
		m.must(t, m.l.catchUp(t.Context(), s))
		if s.Membership().Position != m.l.head() {
			t.Fatalf("it is at %+v, all are at %+v", s.Membership(), m.l.head())
		}
		sameContent(t, m.nodes[0], s)
		checkClean(t, s)
	}
}
