package etcd_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/dialtree/dialtree/cluster"
	"github.com/dialtree/dialtree/cluster/kvtest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	s := start(t, 1)
	kvtest.Run(t, 4*time.Second, func(t *testing.T) (a, b cluster.KV) {
		prefix := fmt.Sprintf("/test%d/", prefixes.Add(1))
		return s.client(t, nil, prefix), s.client(t, nil, prefix)
	})
}
