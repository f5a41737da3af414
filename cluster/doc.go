// Package cluster lets several nodes share the content of their stores through
// etcd. Each node answers from its own store; a change is a change of all when
// etcd has it. Consensus, watches, leases, the election and the lock are etcd's;
// what is ours is how changes are numbered, sealed, cut into pieces, followed
// and cleared away.
//
// What lies below the prefix in etcd (keys.go) is compressed and sealed with a key that is in a file on each node and never in etcd.
//
// The package knows no etcd client: it works on a KV, which package etcd
// implements with etcd's own client and package simulated in memory.
package cluster
