package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/dialtree/dialtree/store"
)

const (
	// lookEvery is how often the head is asked for although the watch is silent: an etcd that was restored from a backup counts its revisions anew, and a watch of one that is
	// far ahead hears nothing for a long time.
	lookEvery = 30 * time.Second
	// Between two tries to reach etcd lies a random time up to a bound that doubles.
	retryFirst, retryLast = 200 * time.Millisecond, 5 * time.Second
)

// follow takes over the other nodes' changes until ctx ends. Its error says why this node must not go on.
func (l *changeLog) follow(ctx context.Context) error {
	wait := retryFirst
	for ctx.Err() == nil {
		met, err := l.session(ctx)
		if ctx.Err() != nil {
			break
		}
		if fatal := l.judge(ctx, err); fatal != nil {
			return fatal
		}
		if met {
			wait = retryFirst
		}
		select {
		case <-time.After(wait/2 + rand.N(wait/2)):
		case <-ctx.Done():
		}
		wait = min(2*wait, retryLast)
	}
	return nil
}

// session follows until something fails. met tells whether it got as far as to be up to date.
func (l *changeLog) session(ctx context.Context) (met bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	select {
	case <-l.suspect:
	default:
	}
	if err := l.identify(ctx); err != nil {
		return false, err
	}
	l.forgetHead()
	if err := l.catchUp(ctx); err != nil {
		return false, err
	}
	if _, err := l.latestSnapshot(ctx); err != nil {
		return false, err
	}
	l.mu.Lock()
	from := l.seenRev + 1
	l.mu.Unlock()
	events := l.kv.Watch(ctx, prefixLog, from)
	l.reached()
	reconciled := make(chan struct{})
	go func() {
		defer close(reconciled)
		l.reconcile(ctx)
	}()
	defer func() { cancel(); <-reconciled }()
	return true, l.listen(ctx, events)
}

// reconcile hands the others what was noted while etcd took no changes, until ctx ends: that it was full ends no session. It makes a change, so it must not wait for the loop that called it.
func (l *changeLog) reconcile(ctx context.Context) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for failed := false; ; {
		err := l.content.Reconcile(ctx)
		if err != nil && !failed && ctx.Err() == nil {
			l.logger.Warn("what was noted while etcd took no changes could not be handed on; it is tried again", "error", err)
		}
		failed = err != nil
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}

func (l *changeLog) listen(ctx context.Context, events <-chan Events) error {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case e, ok := <-events:
			switch {
			case !ok:
				return ErrUnreachable
			case e.Err != nil:
				return e.Err
			}
			if err := l.hear(ctx, e); err != nil {
				return err
			}
		case <-look.C:
			if err := l.identify(ctx); err != nil {
				return err
			}
			if err := l.catchUp(ctx); err != nil {
				return err
			}
			if _, err := l.latestSnapshot(ctx); err != nil {
				return err
			}
		case <-l.suspect:
			return ErrUnreachable
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// hear takes over what a watch told. A change that came whole and follows is applied without a question to etcd.
func (l *changeLog) hear(ctx context.Context, e Events) error {
	var changes []Pair
	for _, ev := range e.Events {
		switch {
		case ev.Deleted:
		case ev.Key == keyHead:
			h, err := parseHead(ev.Pair)
			if err != nil {
				return err
			}
			l.noteHead(h, ev.Modified, max(e.Revision, ev.Modified))
		default:
			changes = append(changes, ev.Pair)
		}
	}
	for _, p := range changes {
		if err := l.applyHeard(ctx, p); err != nil {
			return l.catchUp(ctx)
		}
	}
	if h, _ := l.known(); !h.is(l.content.Membership().Position) {
		return l.catchUp(ctx)
	}
	return nil
}

func (l *changeLog) applyHeard(ctx context.Context, p Pair) error {
	if err := take(ctx, l.following); err != nil {
		return err
	}
	defer func() { <-l.following }()
	at := l.content.Membership().Position
	if p.Key <= changeKey(at.Index) {
		return nil // this node's own, or one that was read already
	}
	_, err := l.apply(ctx, at, p)
	if err == nil {
		l.set(func() {}) // who waits for it goes on
	}
	return err
}

// clusterRecord is what says whose content lies below the prefix.
type clusterRecord struct {
	ID   string    `json:"id"`
	Made time.Time `json:"made"`
}

// identify looks whether etcd holds the cluster that the store belongs to, and whether the key opens it.
func (l *changeLog) identify(ctx context.Context) error {
	m := l.content.Membership()
	c, _, err := readCluster(ctx, l)
	if err != nil {
		return err
	}
	if c.ID != m.Cluster {
		return &foreignError{fmt.Sprintf("the store belongs to the cluster %q, and etcd holds %s below this prefix: look at cluster.etcd.prefix and at data_dir; dialtree cluster join takes this node into the other", m.Cluster, c.ID)}
	}
	return nil
}

// readCluster reads the record of the cluster and its origin, and makes the keys for it.
func readCluster(ctx context.Context, l *changeLog) (clusterRecord, store.Origin, error) {
	var c clusterRecord
	p, _, err := l.get(ctx, keyCluster)
	if err != nil {
		return c, store.Origin{}, err
	}
	if p.Created == 0 {
		return c, store.Origin{}, errNoCluster
	}
	text, sealed, _ := bytes.Cut(p.Value, []byte("\n"))
	if len(text) > maxHeader || json.Unmarshal(text, &c) != nil {
		return c, store.Origin{}, &foreignError{"the record of the cluster in etcd cannot be read: something else was written below this prefix"}
	}
	s := newSealer(l.key, c.ID)
	plain, err := s.open(keyCluster, sealed)
	if err != nil {
		return c, store.Origin{}, &foreignError{fmt.Sprintf("the key does not open the cluster %s: copy the key file (cluster.key_file) from a node that is in it", c.ID)}
	}
	origin, err := parseOrigin(plain)
	if err != nil {
		return c, store.Origin{}, &foreignError{"the origin of the cluster in etcd cannot be read: it was written by another version"}
	}
	l.set(func() { l.seal, l.chain = s, chainer{l.key.derive("chain"), c.ID} })
	return c, origin, nil
}

var errNoCluster = &troubleError{"etcd holds no cluster below this prefix: look at cluster.etcd.prefix. Where etcd lost its data, dialtree cluster init --replace on the node with the newest content puts it there again; where there never was a cluster, dialtree cluster init makes one"}

// reached notes that etcd answers.
func (l *changeLog) reached() {
	l.mu.Lock()
	away, since := l.away, l.since
	l.mu.Unlock()
	l.set(func() { l.met, l.away, l.trouble, l.since = true, nil, nil, time.Time{} })
	if away != nil {
		l.logger.Info("etcd answers again: changes can be made", "away", l.now().Sub(since).Round(time.Second).String())
	}
}

func (l *changeLog) setAway(err error) {
	l.mu.Lock()
	first := l.away == nil
	l.mu.Unlock()
	l.set(func() {
		if l.away = err; l.since.IsZero() {
			l.since = l.now()
		}
	})
	select {
	case l.suspect <- struct{}{}:
	default:
	}
	if first {
		l.logger.Warn("etcd does not answer: nothing can be changed until it does; logins and searches go on", "error", err)
	}
}

func (l *changeLog) setTrouble(err error) {
	l.mu.Lock()
	first := l.trouble == nil || l.trouble.Error() != err.Error()
	l.mu.Unlock()
	l.set(func() {
		if l.trouble, l.away, l.met = err, nil, true; l.since.IsZero() {
			l.since = l.now()
		}
	})
	if first {
		l.logger.Error("this node cannot follow the others; it serves what it has", "error", err)
	}
}

// judge remembers what an error means. It returns those after which this node must not go on.
func (l *changeLog) judge(ctx context.Context, err error) error {
	var foreign *foreignError
	var trouble *troubleError
	var newer *store.NewerSchemaError
	var write *store.WriteError
	var corrupt *store.CorruptError
	switch {
	case err == nil, ctx.Err() != nil, errors.Is(err, errBusy), errors.Is(err, ErrCompacted):
	case errors.As(err, &foreign), errors.Is(err, store.ErrClosed):
		l.setTrouble(err)
		return err
	case errors.As(err, &trouble), errors.As(err, &write), errors.As(err, &corrupt):
		l.setTrouble(err)
	case errors.As(err, &newer):
		l.setTrouble(troublef("the content has schema version %d, and this dialtree knows versions up to %d: upgrade this node; until then it serves what it has", newer.Have, newer.Known))
	case errors.Is(err, ErrUnreachable), errors.Is(err, ErrDenied), errors.Is(err, ErrNoSpace), errors.Is(err, context.DeadlineExceeded):
		l.setAway(err)
	default:
		l.setTrouble(fmt.Errorf("a change of the others cannot be applied here: %w", err))
	}
	return nil
}
