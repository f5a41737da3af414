package simulated

import (
	"testing"
	"time"

	"github.com/dialtree/dialtree/cluster"
	"github.com/dialtree/dialtree/cluster/kvtest"
)

func TestConformance(t *testing.T) {
	kvtest.Run(t, time.Second, func(*testing.T) (a, b cluster.KV) {
		e := New()
		return e.Client(), e.Client()
	})
}
