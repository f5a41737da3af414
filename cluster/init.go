package cluster

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/dialtree/dialtree/store"
)

// replaceGap is how far ahead of all others a replacement is put: nodes that are ahead of an etcd that lost changes must be behind it.
const replaceGap = 1 << 16

// originJSON is a store.Origin as it is sealed.
type originJSON struct {
	StoreID [16]byte `json:"store_id"`
	Key     string   `json:"key"`
}

func originText(o store.Origin) ([]byte, error) {
	key, err := o.Key.Resolve()
	if err != nil {
		return nil, err
	}
	return json.Marshal(originJSON{o.StoreID, key})
}

// parseOrigin reads what originText writes. Its error holds nothing of it.
func parseOrigin(text []byte) (store.Origin, error) {
	var o originJSON
	if json.Unmarshal(text, &o) != nil {
		return store.Origin{}, errors.New("this is no origin")
	}
	return store.Origin{StoreID: o.StoreID, Key: store.Literal(o.Key)}, nil
}

func sameOrigin(a, b store.Origin) bool {
	x, err := a.Key.Resolve()
	y, err2 := b.Key.Resolve()
	return err == nil && err2 == nil && x == y && a.StoreID == b.StoreID
}

// Init makes the content of a store that is alone that of a new cluster, or, with replace, the next content of the cluster that is there: every node takes it over.
// One that was ended half-way is done again.
func Init(ctx context.Context, o Options, replace bool) error {
	if err := o.check(); err != nil {
		return err
	}
	if o.Store == nil {
		return errors.New("cluster: no store is given")
	}
	l := newChangeLog(o, o.Store)
	c, origin, err := readCluster(ctx, l)
	switch {
	case errors.Is(err, errNoCluster) && !replace:
		return begin(ctx, l, o.Store)
	case errors.Is(err, errNoCluster):
		return replaceLost(ctx, l, o.Store)
	case err != nil:
		return err
	case !replace && o.Store.Membership().Cluster == c.ID:
		return fmt.Errorf("this store is a node of the cluster %s, which etcd holds, already: start it", c.ID)
	case !replace:
		return fmt.Errorf("etcd holds the cluster %s below this prefix already: take this node into it with dialtree cluster join, or choose another prefix", c.ID)
	}
	mine, err := o.Store.Origin()
	if err != nil {
		return err
	}
	if !sameOrigin(mine, origin) {
		return fmt.Errorf("this store was never one of the cluster %s: its secrets are sealed with another key, which the other nodes do not have: join the cluster first, then restore the backup and replace", c.ID)
	}
	return replaceContent(ctx, l, o.Store, c.ID)
}

func newUUID() string {
	var u [16]byte
	rand.Read(u[:]) // never fails, says crypto/rand
	u[6], u[8] = u[6]&0x0f|4<<4, u[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// begin makes a cluster where there is none. The store becomes its member first: what was ended half-way is told by that.
func begin(ctx context.Context, l *changeLog, s *store.Store) error {
	m := s.Membership()
	switch {
	case m.Cluster == "":
		m.Cluster = newUUID()
	case m.Index != 0:
		return fmt.Errorf("the store belongs to the cluster %s, which etcd does not hold below this prefix: look at cluster.etcd.prefix; where etcd has lost it, dialtree cluster init --replace puts it there again", m.Cluster)
	}
	l.useCluster(m.Cluster)
	if m.Chain == [32]byte{} {
		if err := s.Begin(ctx, m.Cluster, l.chain.start()); err != nil {
			return err
		}
	}
	err := l.publish(ctx, s, m.Cluster, nil)
	if errors.Is(err, errOtherFirst) {
		err = errors.Join(err, s.Leave(ctx))
	}
	return err
}

func (l *changeLog) useCluster(id string) {
	l.set(func() {
		l.seal, l.chain, l.met = newSealer(l.key, sealContent, id), chainer{l.key.derive("chain"), id}, true
	})
}

// replaceLost puts a cluster's content where etcd has lost it. The store goes on as the member that it is; the others follow it.
func replaceLost(ctx context.Context, l *changeLog, s *store.Store) error {
	m := s.Membership()
	if m.Cluster == "" {
		return begin(ctx, l, s)
	}
	l.useCluster(m.Cluster)
	if err := s.Renumber(ctx); err != nil {
		return err
	}
	return halfWay(l.publish(ctx, s, m.Cluster, &head{Index: m.Index, Chain: m.Chain}))
}

func replaceContent(ctx context.Context, l *changeLog, s *store.Store, cluster string) error {
	l.set(func() { l.met = true })
	m := s.Membership()
	if m.Cluster != "" && m.Cluster != cluster {
		return fmt.Errorf("the store belongs to the cluster %s, and etcd holds %s: make it a store of its own first, with dialtree cluster leave", m.Cluster, cluster)
	}
	h, _, err := l.readHead(ctx)
	var lost *troubleError
	if err != nil && !errors.As(err, &lost) {
		return err
	}
	if m.Cluster == "" {
		if err := s.Begin(ctx, cluster, l.chain.start()); err != nil {
			return err
		}
	}
	if err := s.Renumber(ctx); err != nil {
		return err
	}
	if m.Index > h.Index {
		h = head{Index: m.Index, Chain: m.Chain}
	}
	return halfWay(l.publish(ctx, s, cluster, &h))
}

// halfWay says of a replacement that failed what becomes of a store that is renumbered, and so at an unknown position.
func halfWay(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w; do it again before this node is started, which else takes over what etcd has", err)
}

// An originator is a store that others can begin from.
type originator interface {
	content
	Origin() (store.Origin, error)
}

// publish puts the store's content into etcd as a snapshot: as the beginning of a new cluster where after is nil, or as the change that comes after everything.
func (l *changeLog) publish(ctx context.Context, s originator, cluster string, after *head) error {
	p, _, err := l.get(ctx, keyHead)
	if err != nil {
		return err
	}
	conditions := []Condition{ModifiedAt(keyHead, p.Modified)}
	r, sum, first, err := l.uploadSnapshot(ctx, placed{s, after, l.chain})
	if err != nil {
		return err
	}
	conditions = append(conditions, CreatedAt(partKey(r.Draft, 0), first))
	var ops []Op
	if after != nil {
		change := *r
		change.Kind, change.Made, change.Plain, change.Parts, change.Bytes = kindReplace, time.Time{}, 0, 0, 0
		change.Chain = l.chain.next(after.Chain, &change, sumOfNothing())
		r.Chain = change.Chain
		ops = append(ops, Put(changeKey(change.Index), change.value()))
	}
	mac := l.chain.snapshot(r, sum)
	r.MAC = &mac
	ops = append(ops, Put(snapshotKey(r.Index), r.value()), Put(keyHead, head{r.Index, r.Chain, r.Schema}.value()))
	record, err := l.clusterOps(ctx, s, cluster)
	if err != nil {
		return err
	}
	done, _, err := l.txn(ctx, conditions, append(ops, record...)...)
	switch {
	case isRefusal(err):
		l.dropParts(r.Draft, first)
		return fmt.Errorf("nothing was changed in etcd: %w", err)
	case err != nil:
		return fmt.Errorf("%w, with dialtree cluster status", &store.DoubtError{Err: err})
	case !done:
		l.dropParts(r.Draft, first)
		return errOtherFirst
	}
	return nil
}

var errOtherFirst = errors.New("nothing was changed: another node changed the content at the same time: try again")

// clusterOps puts the record of the cluster where etcd has none.
func (l *changeLog) clusterOps(ctx context.Context, s originator, cluster string) ([]Op, error) {
	p, _, err := l.get(ctx, keyCluster)
	if err != nil || p.Created != 0 {
		return nil, err
	}
	origin, err := s.Origin()
	if err != nil {
		return nil, err
	}
	plain, err := originText(origin)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(clusterRecord{ID: cluster, Made: l.now().UTC()})
	if err != nil {
		return nil, err
	}
	return []Op{Put(keyCluster, l.seal.seal(append(text, '\n'), keyCluster, plain))}, nil
}

// placed is a content at the position that it gets.
type placed struct {
	content
	after *head
	chain chainer
}

func (p placed) WriteContent(ctx context.Context, w io.Writer) (store.Position, error) {
	at, err := p.content.WriteContent(ctx, w)
	if p.after != nil {
		at.Index = p.after.Index + replaceGap
	}
	return at, err
}

// Join fills a directory with the content of the cluster: see store.Join.
func Join(ctx context.Context, o Options, dir string) (store.Membership, error) {
	if err := o.check(); err != nil {
		return store.Membership{}, err
	}
	c, origin, err := readCluster(ctx, newChangeLog(o, nil))
	if err != nil {
		return store.Membership{}, err
	}
	var joined store.Membership
	err = store.Join(ctx, dir, c.ID, origin, func(s *store.Store) error {
		l := newChangeLog(o, s)
		if _, _, err := readCluster(ctx, l); err != nil {
			return err
		}
		if err := l.catchUp(ctx); err != nil {
			return err
		}
		joined = s.Membership()
		return nil
	})
	return joined, err
}

// Leave takes this node out. Where etcd is away the store leaves nevertheless, and told is false.
func Leave(ctx context.Context, o Options) (told bool, err error) {
	if err := o.check(); err != nil {
		return false, err
	}
	if o.Store == nil {
		return false, errors.New("cluster: no store is given")
	}
	asking, cancel := answer(ctx)
	defer cancel()
	told, _, err = o.KV.Txn(asking, nil, []Op{{Key: prefixNodes + o.Node, Delete: true}})
	if err != nil {
		o.Logger.Info("etcd was not told that this node leaves; it forgets the node by itself", "error", err)
	}
	return err == nil && told, o.Store.Leave(ctx)
}
