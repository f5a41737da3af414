package cluster

import (
	"context"

	"github.com/dialtree/dialtree/store"
)

// Init makes the content of a store that is alone that of a new cluster, or, with replace, the next content of the cluster that is there: every node takes it over.
func Init(ctx context.Context, o Options, replace bool) error { return errContract }

// Join fills a directory with the content of the cluster: see store.Join.
func Join(ctx context.Context, o Options, dir string) (store.Membership, error) {
	return store.Membership{}, errContract
}

// Leave takes this node out. Where etcd is away the store leaves nevertheless, and told is false.
func Leave(ctx context.Context, o Options) (told bool, err error) { return false, errContract }
