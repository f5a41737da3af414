package authproxy

import (
	"context"
	"crypto/rand"
	"slices"
	"sync"
	"time"
)

// The gate lets one password that has not worked before of an account be on its way from this node. So may one be from each other node, before any of
// them has heard of the others: together they could reach an upstream's limit that none reaches. So nodes ask in turn, once a failure of the account is
// known; from the first one on where there are more nodes than an account may have failures. A node says that it is about to ask, waits for as long as that takes to be heard, and asks unless another has said so with a lower
// lot; then it waits until that one has asked. Who is not heard is not waited for: without the others each goes on by itself.

const (
	// turnNotice is how long a node waits between saying that it asks and asking. It is as long as two events may take to be heard: another one that said so before it heard of the
	// first has to be heard by that one in time. Through etcd one takes a few milliseconds, and while there is much to tell up to 1/cautionBatchRate of package cluster more.
	turnNotice = 100 * time.Millisecond
	// turnSlow is how long somebody may be asked without a turn before the others are told: by then those who have heard of a failure since are still waiting.
	turnSlow = turnNotice / 2
	// turnAgain is how often the others are told while somebody is asked, and turnLasts how long they wait after they heard so last: a node that ends in between, or is
	// no longer heard, holds nobody up for longer.
	turnAgain = time.Second
	turnLasts = 3 * time.Second
)

// A turn is who is about to ask about an account, at other nodes. The ledger's mu guards it.
type turn struct {
	asking []asker
	moved  chan struct{} // closed when one of them has asked; nil while nobody waits
}

type asker struct {
	lot   passwordHash
	until time.Time
}

// maxAskers bounds the nodes that are waited for.
const maxAskers = 256

func (a *account) turn() *turn {
	if a.elsewhere.turn == nil {
		a.elsewhere.turn = new(turn)
	}
	return a.elsewhere.turn
}

func (t *turn) others(lot passwordHash, until, now time.Time) {
	t.asking = slices.DeleteFunc(t.asking, func(a asker) bool { return a.lot == lot })
	t.expire(now)
	if now.Before(until) && len(t.asking) < maxAskers {
		t.asking = append(t.asking, asker{lot, until})
	}
}

func (t *turn) expire(now time.Time) {
	t.asking = slices.DeleteFunc(t.asking, func(a asker) bool { return !now.Before(a.until) })
}

func (t *turn) answered(lot passwordHash) {
	t.asking = slices.DeleteFunc(t.asking, func(a asker) bool { return a.lot == lot })
	if t.moved != nil {
		close(t.moved)
		t.moved = nil
	}
}

// first returns the lowest lot of those who are about to ask; found is false where nobody is. moved ends a wait for them, and until does in any case.
func (t *turn) first(now time.Time) (lot passwordHash, found bool, moved <-chan struct{}, until time.Time) {
	t.expire(now)
	for i, a := range t.asking {
		if i == 0 || slices.Compare(a.lot[:], lot[:]) < 0 {
			lot = a.lot
		}
		if i == 0 || a.until.Before(until) {
			until = a.until
		}
	}
	if t.moved == nil {
		t.moved = make(chan struct{})
	}
	return lot, len(t.asking) > 0, t.moved, until
}

// suspect tells whether an account has failures that count.
func (l *ledger) suspect(key string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.known(key)
	return a != nil && a.failures.within(now, l.limits.Window) > 0
}

// ahead tells who of the others is about to ask; nobody where it is one name too many to remember. exists is as for failed.
func (l *ledger) ahead(key string, exists bool, now time.Time) (lot passwordHash, found bool, moved <-chan struct{}, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.account(key, exists, now)
	if a == nil {
		return lot, false, nil, until
	}
	return a.turn().first(now)
}

// takeTurn waits until no other node asks about the account, and tells how long that took. done has to be called after asking. ok is false where its patience or ctx ended before.
func (f *Front) takeTurn(ctx context.Context, a *attempt, patience time.Duration) (done func(), took time.Duration, ok bool) {
	if f.ledger.others == nil {
		return func() {}, 0, true
	}
	suspect := f.ledger.suspect(a.key, f.now())
	if !suspect && f.ledger.others.Nodes() <= f.ledger.userLimit() {
		return f.tellAsking(a.key, asking(false), turnSlow), 0, true
	}
	began, key, exists := time.Now(), a.key, a.kind != nobody // not a itself: it would no longer be on the stack
	ctx, cancel := context.WithTimeout(ctx, patience+gateGrace)
	defer cancel()
	for f.othersAsked(ctx, key, exists) {
		if v, _ := f.ledger.weigh(a.key, a.hash, a.from, f.now(), false); v != verdictAsk {
			return func() {}, min(time.Since(began), patience), true // what they learnt is enough
		}
		mine := asking(suspect && exists)
		done = f.tellAsking(key, mine, 0)
		sleepUntil(ctx, time.Now().Add(turnNotice))
		lot, found, _, _ := f.ledger.ahead(key, exists, f.now())
		if ctx.Err() == nil && (!found || slices.Compare(mine.password[:], lot[:]) < 0) {
			return done, min(time.Since(began), patience), true
		}
		done() // steps back
	}
	return nil, 0, false
}

// asking is what a node tells that is about to ask, with a lot of its own.
func asking(exists bool) event {
	e := event{exists: exists, lasts: turnLasts}
	rand.Read(e.password[:])
	return e
}

// tellAsking has the others wait for an answer, after a while and for as long as it takes. done has to be called after asking.
func (f *Front) tellAsking(key string, mine event, after time.Duration) (done func()) {
	var mu sync.Mutex // guards what follows
	var told, ended bool
	var timer *time.Timer
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(after, func() {
		mu.Lock()
		defer mu.Unlock()
		if !ended {
			told = true
			f.ledger.tell(eventAsking, key, mine)
			timer.Reset(turnAgain)
		}
	})
	return func() {
		timer.Stop()
		mu.Lock()
		defer mu.Unlock()
		if ended = true; told {
			f.ledger.tell(eventAnswered, key, mine)
		}
	}
}

// othersAsked waits until nobody else is about to ask.
func (f *Front) othersAsked(ctx context.Context, key string, exists bool) bool {
	for {
		now := f.now()
		_, found, moved, until := f.ledger.ahead(key, exists, now)
		if !found {
			return ctx.Err() == nil
		}
		timer := time.NewTimer(until.Sub(now))
		select {
		case <-moved:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return false
		}
	}
}
