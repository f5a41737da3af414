package resources

import (
	"context"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestPressure(t *testing.T) {
	none := new(Pressure)
	none.Watch(t.Context()) // which returns, since there is no limit
	if none.Full() {
		t.Error("full without a limit")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(64 << 20))
	p := new(Pressure)
	go p.Watch(ctx)
	becomes := func(full bool) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); p.Full() != full; time.Sleep(10 * time.Millisecond) {
			runtime.GC()
			if time.Now().After(deadline) {
				t.Fatalf("full is %t", p.Full())
			}
		}
	}
	becomes(false)
	held := make([]byte, 62<<20)
	becomes(true)
	runtime.KeepAlive(held)
	becomes(false)
}
