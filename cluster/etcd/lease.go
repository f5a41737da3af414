package etcd

import (
	"context"
	"errors"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/dialtree/dialtree/cluster"
)

// A lease is renewed here rather than by etcd's client: that one counts from when an answer came, which may be long after etcd began
// to count, and it stays with a member that hangs.
type lease struct {
	c      *Client
	id     clientv3.LeaseID
	ttl    time.Duration
	done   chan struct{}
	revoke context.CancelFunc // ends the renewals

	stream pb.Lease_LeaseKeepAliveClient // of renew alone
	end    context.CancelFunc
	member *member
}

// Lease is cluster.KV's. ctx is that of the question only. TTLs are whole seconds.
func (c *Client) Lease(ctx context.Context, ttl time.Duration) (cluster.Lease, error) {
	began := time.Now()
	var r *clientv3.LeaseGrantResponse
	// One that is granted twice is a lease that nobody renews: it ends by itself.
	err := c.do(ctx, call{repeat: true}, func(ctx context.Context, client *clientv3.Client) (err error) {
		r, err = client.Grant(ctx, int64((ttl+time.Second-1)/time.Second))
		return err
	})
	if err != nil {
		return nil, err
	}
	renewals, cancel := context.WithCancel(context.Background())
	l := &lease{c: c, id: r.ID, ttl: time.Duration(r.TTL) * time.Second, done: make(chan struct{}), revoke: cancel}
	go l.keep(renewals, began)
	return l, nil
}

// ID is cluster.Lease's.
func (l *lease) ID() int64 { return int64(l.id) }

// Done is cluster.Lease's. By the clock of this machine it is closed before etcd lets the lease go: etcd counts from the last renewal that it got, and this
// from when that was sent, less a twentieth.
func (l *lease) Done() <-chan struct{} { return l.done }

// Revoke is cluster.Lease's.
func (l *lease) Revoke(ctx context.Context) error {
	l.revoke()
	<-l.done
	err := l.c.do(ctx, call{repeat: true}, func(ctx context.Context, client *clientv3.Client) error {
		_, err := client.Revoke(ctx, l.id)
		return err
	})
	if errors.Is(err, errLeaseGone) {
		return nil
	}
	return err
}

// life is how long a renewal lasts, by this machine's clock.
func (l *lease) life() time.Duration { return l.ttl - l.ttl/20 }

func (l *lease) keep(ctx context.Context, renewed time.Time) {
	over := sync.OnceFunc(func() { close(l.done) })
	defer over()
	defer func() {
		if l.end != nil {
			l.end()
		}
	}()
	// It ends on time, whatever a renewal waits for then.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	end := time.AfterFunc(time.Until(renewed.Add(l.life())), func() { over(); cancel() })
	defer end.Stop()
	for wait := l.ttl / 4; ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		began := time.Now()
		switch err := l.renew(ctx); {
		case err == nil:
			if !end.Stop() {
				return // it came too late
			}
			end.Reset(time.Until(began.Add(l.life())))
			wait = l.ttl / 4
		case errors.Is(err, errLeaseGone):
			return
		default:
			wait = 200 * time.Millisecond
		}
	}
}

// renew uses one stream for as long as it works: with a password each new one costs etcd a token.
func (l *lease) renew(ctx context.Context) error {
	m, err := l.c.current()
	if err != nil {
		if m != nil {
			l.c.left(m)
		}
		return mapped(err)
	}
	if l.stream == nil || l.member != m {
		if l.end != nil {
			l.end()
		}
		var whole context.Context
		whole, l.end = context.WithCancel(clientv3.WithRequireLeader(m.ctx))
		stop := time.AfterFunc(l.c.patience(), l.end)
		l.stream, err = pb.NewLeaseClient(m.client.ActiveConnection()).LeaseKeepAlive(whole)
		if l.member = m; !stop.Stop() || err != nil {
			l.stream = nil
			l.c.left(m)
			return errors.Join(cluster.ErrUnreachable, mapped(err))
		}
	}
	ended := l.end
	stop := time.AfterFunc(l.c.patience(), ended)
	defer context.AfterFunc(ctx, ended)()
	err = l.stream.Send(&pb.LeaseKeepAliveRequest{ID: int64(l.id)})
	var r *pb.LeaseKeepAliveResponse
	if err == nil {
		r, err = l.stream.Recv()
	}
	if !stop.Stop() || err != nil {
		l.stream = nil
		if ctx.Err() == nil {
			l.c.left(m)
		}
		return errors.Join(cluster.ErrUnreachable, mapped(err))
	}
	l.c.heard(false) // a renewal waits for no disk, and says nothing about other calls
	if r.TTL <= 0 {
		return errLeaseGone
	}
	return nil
}
