// Command followers is many nodes of a cluster in one process, each with a store of its own: a fleet of fronts on one machine. They join one
// after the other, follow, and then one of them makes changes, as many as it is told, one after the other. What it found goes to
// standard output as JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dialtree/dialtree/cluster"
	"github.com/dialtree/dialtree/cluster/etcd"
	"github.com/dialtree/dialtree/store"
)

// A Report is what was measured; times are in milliseconds.
type Report struct {
	Followers, Changes       int
	Joined                   float64 // seconds, for all of them, one after the other
	EachP50, EachP99         float64 // from the acknowledgement of a change until one follower has applied it
	AllP50, AllP99           float64 // … until the last one has
	CommitP50, CommitP99     float64
	HeldSeconds, IdleSeconds float64 // how long the changes took, and how long nothing was done before
}

type fleet struct {
	endpoints, prefix, key, dir string
	count, changes              int
	pause, idle                 time.Duration
	list                        []*follower
}

// A follower is one node.
type follower struct {
	store   *store.Store
	cluster *cluster.Cluster
	kv      *etcd.Client
}

func main() {
	var f fleet
	flag.StringVar(&f.endpoints, "endpoints", "", "of etcd, with commas")
	flag.StringVar(&f.prefix, "prefix", "/dialtree/", "in etcd")
	flag.StringVar(&f.key, "key", "", "the file with the cluster's key")
	flag.StringVar(&f.dir, "dir", "", "for the stores")
	flag.IntVar(&f.count, "followers", 100, "how many")
	flag.IntVar(&f.changes, "changes", 200, "how many are made")
	flag.DurationVar(&f.pause, "pause", 50*time.Millisecond, "between two changes")
	flag.DurationVar(&f.idle, "idle", 5*time.Second, "before the first change")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	report, err := f.run(ctx)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(report)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "followers:", err)
		os.Exit(1)
	}
}

func (f *fleet) run(ctx context.Context) (*Report, error) {
	key, err := cluster.ReadKey(f.key)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer func() {
		cancel()
		running.Wait()
		for _, one := range f.list {
			one.store.Close()
			one.kv.Close()
		}
	}()
	r := &Report{Followers: f.count, Changes: f.changes}
	begin := time.Now()
	for i := range f.count {
		one, err := f.join(ctx, key, i)
		if err != nil {
			return nil, fmt.Errorf("follower %d: %w", i+1, err)
		}
		f.list = append(f.list, one)
		running.Go(func() {
			if err := one.cluster.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
				fmt.Fprintln(os.Stderr, "followers:", err)
			}
		})
	}
	r.Joined = time.Since(begin).Seconds()
	fmt.Fprintln(os.Stderr, "joined") // whoever measures looks at etcd now
	sleep(ctx, f.idle)
	r.IdleSeconds = f.idle.Seconds()
	fmt.Fprintln(os.Stderr, "idle")
	begin = time.Now()
	err = f.measure(ctx, r)
	r.HeldSeconds = time.Since(begin).Seconds()
	fmt.Fprintln(os.Stderr, "changed")
	return r, err
}

// join makes a node with a store of its own.
func (f *fleet) join(ctx context.Context, key cluster.Key, i int) (*follower, error) {
	kv, err := etcd.New(etcd.Options{Endpoints: strings.Split(f.endpoints, ","), Prefix: f.prefix})
	if err != nil {
		return nil, err
	}
	o := cluster.Options{KV: kv, Key: key, Node: fmt.Sprintf("follower%03d", i), Version: "follower", Registerer: prometheus.NewRegistry()}
	dir := filepath.Join(f.dir, o.Node)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if _, err := cluster.Join(ctx, o, dir); err != nil {
		return nil, err
	}
	one := &follower{kv: kv}
	if one.store, err = store.Open(ctx, store.Options{Dir: dir}); err != nil {
		return nil, err
	}
	o.Store = one.store
	if one.cluster, err = cluster.New(o); err != nil {
		return nil, err
	}
	one.store.Share(one.cluster)
	return one, nil
}

// measure makes changes at the first and looks when the others have them.
func (f *fleet) measure(ctx context.Context, r *Report) error {
	var each, all, commits []time.Duration
	for i := range f.changes {
		begin := time.Now()
		_, err := f.list[0].store.Apply(ctx, &store.Changes{PutObjects: []store.Object{&store.Phonebook{Name: "measured", Title: fmt.Sprint("Change ", i)}}})
		if err != nil {
			return err
		}
		commits = append(commits, time.Since(begin))
		index := f.list[0].store.Membership().Index
		acknowledged := time.Now()
		var slowest time.Duration
		waiting := slices.Clone(f.list[1:])
		for deadline := acknowledged.Add(time.Minute); len(waiting) > 0; time.Sleep(200 * time.Microsecond) {
			waiting = slices.DeleteFunc(waiting, func(one *follower) bool {
				if one.store.Membership().Index < index {
					return false
				}
				slowest = time.Since(acknowledged)
				each = append(each, slowest)
				return true
			})
			if ctx.Err() != nil || time.Now().After(deadline) {
				return fmt.Errorf("after a minute %d followers do not have change %d", len(waiting), index)
			}
		}
		all = append(all, slowest)
		sleep(ctx, f.pause)
	}
	r.EachP50, r.EachP99 = percentiles(each)
	r.AllP50, r.AllP99 = percentiles(all)
	r.CommitP50, r.CommitP99 = percentiles(commits)
	return nil
}

func percentiles(list []time.Duration) (p50, p99 float64) {
	slices.Sort(list)
	return list[len(list)/2].Seconds() * 1000, list[len(list)*99/100].Seconds() * 1000
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
