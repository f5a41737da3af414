//go:build linux

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// idle measures the memory of a connection that has bound once and is quiet, as
// most phones are most of the time.
func (b *bench) idle(ctx context.Context) error {
	slapd, err := fixture.StartSlapd(ctx, fixture.SlapdOptions{Dir: b.sub("idle-slapd"), Users: b.users})
	if err != nil {
		return err
	}
	defer slapd.Stop()
	d, err := b.dialtree(ctx, "idle-dialtree", slapd.Address, "")
	if err != nil {
		return err
	}
	defer d.Stop()
	warm := contender{name: "Dialtree", process: d.Process, address: d.Address, requests: b.binds(fixture.DialtreeDN)}
	if _, _, err := b.once(ctx, warm, shapes[1]); err != nil {
		return err
	}
	before, err := d.RSS()
	if err != nil {
		return err
	}
	for i := range idleConns {
		c, err := fixture.Dial(ctx, d.Address, nil)
		if err != nil {
			return fmt.Errorf("connection %d: %w", i+1, err)
		}
		defer c.Close()
		u := b.users[i%len(b.users)]
		if r, err := c.Bind(fixture.DialtreeDN(u.UID), u.Password); err != nil || r.Code != 0 {
			return fmt.Errorf("bind on connection %d: result %d %s: %w", i+1, r.Code, r.Diagnostic, err)
		}
	}
	time.Sleep(2 * time.Second)
	after, err := d.RSS()
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "\n### Idle connections\n\n| connections | resident before | resident with them | each |\n|---:|---:|---:|---:|\n| %d | %.1f MiB | %.1f MiB | %.1f KiB |\n",
		idleConns, mebibytes(before), mebibytes(after), float64(after-before)/1024/idleConns)
	return nil
}

func mebibytes(n int64) float64 { return float64(n) / (1 << 20) }
