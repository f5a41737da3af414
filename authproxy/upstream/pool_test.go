package upstream_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// held is a directory that answers a bind when it is told to.
func held(release <-chan struct{}) func(*peer) {
	return func(p *peer) {
		for {
			m, err := p.next()
			if err != nil || m.Op != ldapwire.OpBindRequest {
				return
			}
			select {
			case <-release:
			case <-p.f.stopped:
				return
			}
			p.answer(m.ID, ldapwire.Success, "")
		}
	}
}

// eventually waits for something that another goroutine is about to bring about.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 5 s: %s", what)
		}
	}
}

func TestPoolBounds(t *testing.T) {
	release := make(chan struct{})
	f := start(t, held(release))
	o := options("ldap://" + f.address)
	o.MaxConnections, o.MaxPending, o.BindTimeout = 2, 3, 5*time.Second
	u := open(t, o)

	var wg sync.WaitGroup
	for range 5 { // two are under way, three wait
		wg.Go(func() {
			if err := bind(u, rightPassword); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "two binds have arrived", func() bool { _, binds := f.seen(); return len(binds) == 2 })
	time.Sleep(50 * time.Millisecond) // the others are in line
	begin := time.Now()
	if err := bind(u, rightPassword); class(err) != "busy" || time.Since(begin) > 3*time.Second {
		t.Errorf("the line is full; after %v: %v", time.Since(begin), err)
	}
	close(release)
	wg.Wait()
	if accepted, binds := f.seen(); accepted != 2 || len(binds) != 5 {
		t.Errorf("%d connections, %d binds; want 2 and 5", accepted, len(binds))
	}
}

func TestPoolWaitEnds(t *testing.T) {
	f := start(t, held(nil))
	o := options("ldap://" + f.address)
	o.MaxConnections, o.BindTimeout = 1, 400*time.Millisecond
	u := open(t, o)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { bind(u, rightPassword) })
	eventually(t, "the first bind has arrived", func() bool { _, binds := f.seen(); return len(binds) == 1 })

	t.Run("with its context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(20*time.Millisecond, cancel)
		begin := time.Now()
		_, err := u.Bind(ctx, "bob", "", []byte("x"))
		if class(err) != "busy" || time.Since(begin) > 200*time.Millisecond {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
	})
	t.Run("with the deadline of its context", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		if _, err := u.Bind(ctx, "bob", "", []byte("x")); class(err) != "busy" {
			t.Error(err)
		}
	})
	t.Run("before it began", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := u.Bind(ctx, "bob", "", []byte("x")); class(err) != "busy" {
			t.Error(err)
		}
	})
	t.Run("with the upstream", func(t *testing.T) {
		time.AfterFunc(20*time.Millisecond, u.Close)
		if _, err := u.Bind(context.Background(), "bob", "", []byte("x")); class(err) != "unavailable" {
			t.Error(err)
		}
		if err := bind(u, "x"); class(err) != "unavailable" {
			t.Errorf("after Close: %v", err)
		}
	})
	if _, binds := f.seen(); len(binds) != 1 {
		t.Errorf("binds %q, want the first one only", binds)
	}
}

// A slot is never lost, whatever ends a wait or a bind.
func TestPoolLosesNoSlot(t *testing.T) {
	var n atomic.Int32
	f := start(t, func(p *peer) {
		for {
			m, err := p.next()
			if err != nil {
				return
			}
			switch n.Add(1) % 7 {
			case 0:
				return // ends without an answer
			case 1:
				p.answer(m.ID+1, ldapwire.Success, "")
			case 2:
				time.Sleep(3 * time.Millisecond)
				fallthrough
			default:
				p.answer(m.ID, ldapwire.Success, "")
			}
		}
	})
	o := options("ldap://" + f.address)
	o.MaxConnections, o.BindTimeout = 2, 5*time.Second
	u := open(t, o)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 30 {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(1+(i*j)%9)*time.Millisecond)
				u.Bind(ctx, "alice", "", []byte(rightPassword))
				cancel()
			}
		})
	}
	wg.Wait()
	n.Store(2)
	for range 4 { // all is well again, on at least one connection after another
		n.Store(2)
		if err := bind(u, rightPassword); err != nil {
			t.Error(err)
		}
	}
}

func TestPoolServesInOrder(t *testing.T) {
	release := make(chan struct{})
	f := start(t, held(release))
	o := options("ldap://" + f.address)
	o.MaxConnections, o.BindTimeout = 1, 5*time.Second
	u := open(t, o)
	const waiting = 8
	order := make(chan int, waiting+1)
	var wg sync.WaitGroup
	for i := range waiting + 1 {
		wg.Go(func() {
			if err := bind(u, rightPassword); err != nil {
				t.Error(err)
			}
			order <- i
		})
		time.Sleep(5 * time.Millisecond) // each is in line before the next
	}
	for want := range waiting + 1 {
		release <- struct{}{}
		if got := <-order; got != want {
			t.Errorf("served %d, want %d", got, want)
		}
	}
	wg.Wait()
}
