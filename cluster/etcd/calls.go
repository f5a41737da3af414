package etcd

import (
	"context"
	"errors"
	"slices"
	"strings"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/dialtree/dialtree/cluster"
)

// Get is cluster.KV's.
func (c *Client) Get(ctx context.Context, key string) (p cluster.Pair, revision int64, err error) {
	p.Key = key
	err = c.do(ctx, call{repeat: true}, func(ctx context.Context, client *clientv3.Client) error {
		r, err := client.Get(ctx, c.options.Prefix+key)
		if err != nil {
			return err
		}
		if revision = r.Header.Revision; len(r.Kvs) > 0 {
			p = c.pair(r.Kvs[0])
		}
		return nil
	})
	return p, revision, err
}

// Range is cluster.KV's.
func (c *Client) Range(ctx context.Context, prefix, from string, limit int, keysOnly bool) (pairs []cluster.Pair, revision int64, err error) {
	start := c.options.Prefix + max(prefix, from)
	o := []clientv3.OpOption{clientv3.WithRange(clientv3.GetPrefixRangeEnd(c.options.Prefix + prefix)), clientv3.WithLimit(int64(limit)), clientv3.WithSort(clientv3.SortByKey, clientv3.SortAscend)}
	if keysOnly {
		o = append(o, clientv3.WithKeysOnly())
	}
	if from > prefix && !strings.HasPrefix(from, prefix) {
		// Behind all of them: etcd refuses a range that ends before it begins.
		start = c.options.Prefix + prefix
		o = append(o, clientv3.WithCountOnly())
	}
	err = c.do(ctx, call{repeat: true, large: !keysOnly}, func(ctx context.Context, client *clientv3.Client) error {
		r, err := client.Get(ctx, start, o...)
		if err != nil {
			return err
		}
		pairs, revision = make([]cluster.Pair, len(r.Kvs)), r.Header.Revision
		for i, kv := range r.Kvs {
			pairs[i] = c.pair(kv)
		}
		return nil
	})
	return pairs, revision, err
}

// Txn is cluster.KV's.
func (c *Client) Txn(ctx context.Context, conditions []cluster.Condition, then []cluster.Op) (done bool, revision int64, err error) {
	compares := make([]clientv3.Cmp, len(conditions))
	for i, d := range conditions {
		compares[i] = c.compare(d)
	}
	bytes, ops := 0, make([]clientv3.Op, len(then))
	for i, o := range then {
		bytes += len(o.Value)
		ops[i] = c.op(o)
	}
	err = c.do(ctx, call{large: bytes > large}, func(ctx context.Context, client *clientv3.Client) error {
		r, err := client.Txn(ctx).If(compares...).Then(ops...).Commit()
		if err == nil {
			done, revision = r.Succeeded, r.Header.Revision
		}
		return err
	})
	return done, revision, err
}

// Compact is cluster.KV's.
func (c *Client) Compact(ctx context.Context, revision int64) error {
	return c.do(ctx, call{}, func(ctx context.Context, client *clientv3.Client) error {
		_, err := client.Compact(ctx, revision)
		return err
	})
}

func (c *Client) compare(d cluster.Condition) clientv3.Cmp {
	key, cmp := c.options.Prefix+d.Key, clientv3.Cmp{}
	if d.Modified != nil {
		cmp = clientv3.Compare(clientv3.ModRevision(key), "=", *d.Modified)
	} else {
		cmp = clientv3.Compare(clientv3.CreateRevision(key), "=", *d.Created)
	}
	if d.Prefix {
		cmp = cmp.WithPrefix()
	}
	return cmp
}

func (c *Client) op(o cluster.Op) clientv3.Op {
	key := c.options.Prefix + o.Key
	switch {
	case o.Delete && o.Prefix:
		return clientv3.OpDelete(key, clientv3.WithPrefix())
	case o.Delete:
		return clientv3.OpDelete(key)
	case o.Lease != nil:
		return clientv3.OpPut(key, string(o.Value), clientv3.WithLease(clientv3.LeaseID(o.Lease.ID())))
	}
	return clientv3.OpPut(key, string(o.Value))
}

func (c *Client) pair(kv *mvccpb.KeyValue) cluster.Pair {
	return cluster.Pair{Key: strings.TrimPrefix(string(kv.Key), c.options.Prefix), Value: kv.Value, Created: kv.CreateRevision, Modified: kv.ModRevision, Version: kv.Version}
}

// Members is cluster.KV's. Who answers at an endpoint that we were given is asked there: what the members say of their addresses may not be
// reachable from here.
func (c *Client) Members(ctx context.Context) (all []cluster.Member, err error) {
	var list *clientv3.MemberListResponse
	if err := c.do(ctx, call{repeat: true}, func(ctx context.Context, client *clientv3.Client) (err error) {
		list, err = client.MemberList(ctx)
		return err
	}); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	m, err := c.current()
	if err != nil {
		return nil, mapped(err)
	}
	type state struct {
		endpoint string
		status   *clientv3.StatusResponse
		err      error
	}
	ask := func(endpoints []string) []state {
		all, answers := make([]state, len(endpoints)), make(chan state)
		for _, e := range endpoints {
			go func() {
				r, err := m.client.Status(ctx, e)
				answers <- state{e, r, err}
			}()
		}
		for i := range all {
			all[i] = <-answers
		}
		return all
	}
	known := map[uint64]state{}
	for _, s := range ask(c.endpoints) {
		if s.err == nil {
			known[s.status.Header.MemberId] = s
		}
	}
	for _, one := range list.Members {
		s, ok := known[one.ID]
		if !ok {
			if len(one.ClientURLs) > 0 {
				s = ask(one.ClientURLs[:1])[0]
			} else { // it was added and has no name either
				s = state{endpoint: strings.Join(one.PeerURLs, ","), err: errors.New("it is not started")}
			}
		}
		r := cluster.Member{Name: one.Name, Endpoint: s.endpoint, Learner: one.IsLearner}
		if s.err != nil {
			r.Error = mapped(s.err).Error()
		} else {
			r.Version, r.Bytes, r.InUse = s.status.Version, s.status.DbSize, s.status.DbSizeInUse
			r.Leader = s.status.Leader == one.ID
			r.Healthy = s.status.Leader != 0 && len(s.status.Errors) == 0
			r.Full = slices.ContainsFunc(s.status.Errors, func(text string) bool { return strings.Contains(text, "NOSPACE") })
			switch {
			case r.Full:
				r.Error = cluster.ErrNoSpace.Error()
			case len(s.status.Errors) > 0:
				r.Error = strings.Join(s.status.Errors, "; ")
			}
		}
		all = append(all, r)
	}
	return all, nil
}
