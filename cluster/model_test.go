package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dialtree/dialtree/cluster"
	"github.com/dialtree/dialtree/cluster/simulated"
	"github.com/dialtree/dialtree/store"
)

// TestModel has nodes commit, follow, make snapshots, clear away, hold and lose the election, die, come back, join and be restored, in an order that a seed decides; each request to
// etcd may be lost before or after it was done, or arrive late, and other nodes act in between. Afterwards every change that was acknowledged is in the content once,
// none that was refused is, those in doubt are at most once, all nodes are equal, and etcd holds no more than the limits allow.
//
// DIALTREE_MODEL_SEEDS runs more seeds; DIALTREE_MODEL_SEED runs one.
func TestModel(t *testing.T) {
	seeds, first := uint64(200), uint64(0)
	if testing.Short() {
		seeds = 60
	}
	if n, err := strconv.ParseUint(os.Getenv("DIALTREE_MODEL_SEEDS"), 10, 64); err == nil {
		seeds = n
	}
	if n, err := strconv.ParseUint(os.Getenv("DIALTREE_MODEL_SEED"), 10, 64); err == nil {
		first, seeds = n, n+1
	}
	seen := map[string]int{}
	for seed := first; seed < seeds && !t.Failed(); seed++ {
		synctest.Test(t, func(t *testing.T) { runModel(t, seed, seen, newPaper) })
	}
	t.Log(seen)
	if seeds-first < 50 {
		return
	}
	for _, what := range []string{"acknowledged", "large", "overtaken", "doubt", "away", "fenced", "died", "restored", "joined", "snapshot", "cleared", "doubt made", "lost", "late", "full"} {
		if seen[what] < int(seeds-first)/20 {
			t.Errorf("%q came about %d times: not much of a test", what, seen[what])
		}
	}
}

// A replica is the store of a node.
type replica interface {
	cluster.Content
	apply(ctx context.Context, id string, size int, alone bool) error
	changes() []string // that are in the content
	digest() [32]byte
	backup() any
	restore(any)
	reopen(store.Committer)
	die()
}

const clusterID = "5f0cfd0e-8f5f-4d5c-9d3e-0a8c64cfc0f5"

var modelKey = cluster.NewKey(7)

func newPaper(m *model, _ string) replica {
	return &paper{m: store.Membership{Cluster: clusterID}, r: m.r, wrong: m.wrong}
}

type fate int

const (
	refused fate = iota
	acknowledged
	doubtful
)

type model struct {
	t       *testing.T
	seed    uint64
	r       *rand.Rand
	etcd    *simulated.Etcd
	packery *cluster.Packery
	create  func(*model, string) replica
	nodes   []*node
	fates   map[string]fate
	seen    map[string]int
	next    int
	depth   int
	calm    bool // nothing fails any more
	ctx     context.Context
}

func (m *model) wrong(format string, args ...any) {
	m.t.Helper()
	m.t.Errorf("seed %d: %s", m.seed, fmt.Sprintf(format, args...))
}

// chance is true n times of a thousand.
func (m *model) chance(n int) bool { return m.r.IntN(1000) < n }

type node struct {
	m       *model
	name    string
	replica replica
	client  *simulated.Client
	log     *cluster.Log
	janitor *cluster.Janitor
	lease   cluster.Lease
	held    cluster.Held // the election
	fenced  cluster.Held // under which it commits now
	busy    bool
	dead    bool
	backups []any
}

func runModel(t *testing.T, seed uint64, seen map[string]int, create func(*model, string) replica) {
	m := &model{t: t, seed: seed, r: rand.New(rand.NewPCG(seed, 7)), etcd: simulated.New(), packery: cluster.NewPackery(), create: create, fates: map[string]fate{}, seen: seen, ctx: t.Context()}
	m.begin()
	for range 120 {
		if t.Failed() {
			return
		}
		m.act()
	}
	m.end()
}

func (m *model) begin() {
	first := m.addNode()
	if err := first.start(); err != nil {
		m.t.Fatal(err)
	}
	for range 1 + m.r.IntN(3) {
		m.addNode()
	}
}

func (n *node) start() error {
	p := n.replica.(interface{ begin([32]byte) })
	p.begin(cluster.Start(modelKey, clusterID))
	n.m.calm = true
	defer func() { n.m.calm = false }()
	return n.log.Publish(n.m.ctx, n.replica, store.Origin{Key: store.Literal("secret")}, clusterID, false)
}

func (p *paper) begin(chain [32]byte) { p.m.Position = store.Position{Chain: chain} }

func (m *model) addNode() *node {
	n := &node{m: m, name: fmt.Sprint("n", len(m.nodes))}
	n.replica = m.create(m, n.name)
	n.open()
	m.nodes = append(m.nodes, n)
	m.seen["joined"]++
	return n
}

// open is a process that starts.
func (n *node) open() {
	if n.client != nil { // the process before: its leases run out
		n.client.Pause()
		n.client.SetUnreachable(true)
	}
	n.client = n.m.etcd.Client()
	n.client.NeverWait = true
	n.client.Before = n.before
	n.lease, n.held, n.dead = nil, nil, false
	n.log = cluster.NewLog(n.client, modelKey, n.name, n.replica, n.m.packery)
	n.log.Count(func(result string) {
		if result == "overtaken" {
			n.m.seen["overtaken"]++
		}
	})
	n.janitor = nil
	n.replica.reopen(n.log)
}

func (n *node) leased(ctx context.Context) (cluster.Lease, error) {
	if n.lease != nil {
		select {
		case <-n.lease.Done():
		default:
			return n.lease, nil
		}
	}
	l, err := n.client.Lease(ctx, 10*time.Second)
	if err == nil {
		n.lease = l
	}
	return l, err
}

// before decides what becomes of a request, and lets others act first.
func (n *node) before(r simulated.Request) (simulated.Fault, func(bool)) {
	m := n.m
	after := n.watchFence(r)
	if m.calm {
		return simulated.None, after
	}
	if m.depth < 3 && m.chance(120) {
		m.nested(n)
	}
	if m.depth < 3 && m.chance(25) {
		after = n.hearMeanwhile(after)
	}
	switch {
	case m.chance(8):
		n.die()
		return []simulated.Fault{simulated.LostBefore, simulated.LostAfter, simulated.Late}[m.r.IntN(3)], after
	case m.chance(25):
		m.seen["lost"]++
		return simulated.LostBefore, after
	case m.chance(35):
		m.seen["lost"]++
		return simulated.LostAfter, after
	case r.Method == "Txn" && m.chance(35):
		m.seen["late"]++
		return simulated.Late, after
	case r.Method == "Txn" && len(r.Then) > 0 && m.chance(10):
		m.seen["full"]++
		return simulated.Full, after
	}
	return simulated.None, after
}

// nested lets others act while n stands still in the middle of a request.
func (m *model) nested(n *node) {
	m.depth++
	defer func() { m.depth-- }()
	if m.chance(250) {
		n.client.Pause()
		time.Sleep(time.Duration(m.r.IntN(25)) * time.Second)
		defer n.client.Resume()
	}
	for range 1 + m.r.IntN(4) {
		m.act()
	}
}

// hearMeanwhile lets others act when etcd has dealt with a request, and the node hear of that before it has the answer.
func (n *node) hearMeanwhile(after func(bool)) func(bool) {
	return func(done bool) {
		if after != nil {
			after(done)
		}
		n.m.nested(n)
		n.hear()
	}
}

// hear tells the node what a watch would.
func (n *node) hear() {
	if p, revision, err := n.m.etcd.Client().Get(n.m.ctx, "log/head"); err == nil {
		n.log.Hear(p, revision)
	}
}

// watchFence looks, at the moment when etcd makes a change, whether the node that committed it under an election holds it, and whether another one has the writer's lock.
func (n *node) watchFence(r simulated.Request) func(bool) {
	fenced, lock := n.fenced, n.log.HeldLock()
	if r.Method != "Txn" || len(r.Then) == 0 || !strings.HasPrefix(r.Then[0].Key, "log/changes/") || r.Then[0].Delete {
		return nil
	}
	return func(done bool) {
		if !done {
			return
		}
		observer := n.m.etcd.Client()
		if fenced != nil {
			if holds, _, err := observer.Txn(context.Background(), []cluster.Condition{fenced.Condition()}, nil); err != nil || !holds {
				n.m.wrong("%s committed %s after it had lost the election", n.name, r.Then[0].Key)
			}
		}
		locks, _, err := observer.Range(context.Background(), "lock/", "", 0, true)
		if err != nil || len(locks) > 0 && !slices.ContainsFunc(locks, func(p cluster.Pair) bool { return p.Key == lock }) {
			n.m.wrong("%s committed %s while another node had the writer's lock: %v, %v", n.name, r.Then[0].Key, locks, err)
		}
	}
}

// die ends the process: what it does from now on reaches nobody. It is started again when what it was doing has returned.
func (n *node) die() {
	if n.dead {
		return
	}
	n.m.seen["died"]++
	n.dead = true
	n.replica.die()
	n.client.Pause() // its leases run out
	n.client.SetUnreachable(true)
}

// act has a node that does nothing do something.
func (m *model) act() {
	var idle []*node
	for _, n := range m.nodes {
		if !n.busy {
			idle = append(idle, n)
		}
	}
	if len(idle) == 0 {
		return
	}
	n := idle[m.r.IntN(len(idle))]
	n.busy = true
	defer func() { n.busy = false }()
	if !n.log.Changeable() && m.chance(600) { // what the loop that follows does within seconds
		_ = n.log.Step(m.ctx)
	}
	switch k := m.r.IntN(100); {
	case k < 38:
		n.commit(m.ctx, 20, false)
	case k < 46:
		n.commit(m.ctx, 800+m.r.IntN(1500), m.chance(700))
	case k < 56:
		n.commitFenced()
	case k < 72:
		_ = n.log.Step(m.ctx)
	case k < 82:
		n.clear()
	case k < 85:
		m.etcd.DeliverLate()
	case k < 89:
		n.client.SetUnreachable(!n.dead && m.chance(500))
	case k < 92:
		time.Sleep(time.Duration(m.r.IntN(20)) * time.Second)
	case k < 93:
		time.Sleep(time.Duration(m.r.IntN(11)) * time.Minute)
	case k < 95:
		n.backups = append(n.backups, n.replica.backup())
	case k < 96 && len(n.backups) > 0:
		m.seen["restored"]++
		n.replica.restore(n.backups[m.r.IntN(len(n.backups))])
		n.open()
	case k < 97 && len(m.nodes) < 6:
		m.addNode()
	default:
		n.client.SetUnreachable(false)
		_ = n.log.Step(m.ctx)
	}
	if n.dead {
		n.client.SetUnreachable(true)
		n.open()
	}
}

func (n *node) commit(ctx context.Context, size int, alone bool) {
	m := n.m
	m.next++
	id := fmt.Sprintf("c%d", m.next)
	before := n.replica.Membership().Index
	err := n.replica.apply(ctx, id, size, alone)
	var doubt *store.DoubtError
	switch {
	case err == nil:
		m.fates[id] = acknowledged
		m.seen["acknowledged"]++
		if size > 500 {
			m.seen["large"]++
		}
		if n.replica.Membership().Index <= before {
			m.wrong("%s acknowledged %s and did not move", n.name, id)
		}
	case errors.As(err, &doubt), errors.Is(err, errDied), n.dead:
		m.fates[id] = doubtful
		m.seen["doubt"]++
	case errors.Is(err, cluster.ErrFenced):
		m.seen["fenced"]++
	case errors.Is(err, store.ErrConflict):
	case errors.Is(err, store.ErrAway):
		m.seen["away"]++
	default:
		m.wrong("%s: %s: an error that nobody expects: %v", n.name, id, err)
	}
}

// elected tries to hold the election.
func (n *node) elected() bool {
	if n.held != nil {
		select {
		case <-n.held.Done():
			n.held = nil
		default:
			return true // it may have been lost without its knowing
		}
	}
	l, err := n.leased(n.m.ctx)
	if err != nil {
		return false
	}
	n.held, err = n.client.Elect(n.m.ctx, l, "election/", n.name)
	if err != nil {
		n.held = nil
		return false
	}
	n.janitor = cluster.NewSmallJanitor(n.log)
	return true
}

func (n *node) commitFenced() {
	if !n.elected() {
		return
	}
	n.fenced = n.held
	defer func() { n.fenced = nil }()
	n.commit(cluster.WithFence(n.m.ctx, n.held.Condition()), 20, false)
}

func (n *node) clear() {
	if !n.elected() {
		return
	}
	before := n.m.count("log/changes/")
	snapshots := n.m.count("snapshots/")
	_ = n.janitor.Round(cluster.WithFence(n.m.ctx, n.held.Condition()))
	if n.m.count("snapshots/") != snapshots {
		n.m.seen["snapshot"]++
	}
	if n.m.count("log/changes/") < before {
		n.m.seen["cleared"]++
	}
}

func (m *model) count(prefix string) int {
	pairs, _, _ := m.etcd.Client().Range(context.Background(), prefix, "", 0, true)
	return len(pairs)
}
