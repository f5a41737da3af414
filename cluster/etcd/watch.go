package etcd

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/metadata"

	"github.com/dialtree/dialtree/cluster"
)

// streamLife is for how long new watches join those that there are.
const streamLife = time.Minute

// silence is how long no member may have answered anything before a watch asks whether one is there.
const silence = 4 * time.Second

// Watch is cluster.KV's. Responses are not fragmented, so that each holds whole revisions. It ends with the member that it is at.
func (c *Client) Watch(ctx context.Context, prefix string, from int64) <-chan cluster.Events {
	out := make(chan cluster.Events)
	go func() {
		defer close(out)
		m, err := c.current()
		if err != nil {
			c.Get(ctx, prefix) // which goes on to the next member, or fails slowly
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stop := context.AfterFunc(m.ctx, cancel)
		defer stop()
		ends := make(chan struct{})
		go func() {
			defer close(ends)
			c.look(ctx, prefix)
		}()
		c.watch(ctx, m.client, prefix, from, out)
		cancel()
		<-ends
	}()
	return out
}

// look asks now and then while nobody else gets answers: a watch by itself does not notice a member that hangs.
func (c *Client) look(ctx context.Context, prefix string) {
	t := time.NewTicker(silence / 2)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			if time.Since(time.Unix(0, c.answered.Load())) > silence {
				c.Get(ctx, prefix)
			}
		}
	}
}

func (c *Client) watch(ctx context.Context, client *clientv3.Client, prefix string, from int64, out chan<- cluster.Events) {
	say := func(e cluster.Events) bool {
		select {
		case out <- e:
			return true
		case <-ctx.Done():
			return false
		}
	}
	for r := range client.Watch(clientv3.WithRequireLeader(c.ownStream(ctx)), c.options.Prefix+prefix, clientv3.WithPrefix(), clientv3.WithRev(from), clientv3.WithProgressNotify()) {
		if err := r.Err(); err != nil {
			// Only what the caller must act on is told: all else is etcd out of reach.
			if err := mapped(err); !errors.Is(err, cluster.ErrUnreachable) {
				say(cluster.Events{Err: err})
			}
			return
		}
		if r.Created {
			continue
		}
		e := cluster.Events{Revision: r.Header.Revision}
		for _, ev := range r.Events {
			e.Events = append(e.Events, cluster.Event{Pair: c.pair(ev.Kv), Deleted: ev.Type == clientv3.EventTypeDelete})
		}
		if n := len(e.Events); n > 0 {
			// The header's may be of a later one, whose events are still to come.
			e.Revision = e.Events[n-1].Modified
		}
		if !say(e) {
			return
		}
	}
}

// ownStream keeps a watch off the stream of those that are older than streamLife. etcd's client has all that are asked for with equal metadata share one, and
// with a password etcd looks at the token that the stream began with for each: five minutes later that is none any more, and every new watch would be refused.
func (c *Client) ownStream(ctx context.Context) context.Context {
	if c.options.Username == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, "dialtree-stream", strconv.FormatInt(time.Now().UnixNano()/int64(c.streamLife), 10))
}

// trimmed is a name of an election or a lock as etcd's recipes want it: they add the slash.
func trimmed(name string) string { return strings.TrimSuffix(name, "/") }
