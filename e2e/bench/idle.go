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
	defer func() { d.Stop() }()
	// A fresh process, without what the import left behind.
	d.Stop()
	if err := d.Start(ctx); err != nil {
		return err
	}
	// The same connections, one after the other: what the process keeps after
	// that belongs to the work, not to the connections.
	for i := range idleConns {
		c, err := b.bindOnce(ctx, d, i)
		if err != nil {
			return err
		}
		c.Close()
	}
	time.Sleep(settle)
	before, err := d.RSS()
	if err != nil {
		return err
	}
	for i := range idleConns {
		c, err := b.bindOnce(ctx, d, i)
		if err != nil {
			return err
		}
		defer c.Close()
	}
	time.Sleep(settle)
	after, err := d.RSS()
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "\n### Idle connections\n\n| connections | resident before | resident with them | each |\n|---:|---:|---:|---:|\n| %d | %.1f MiB | %.1f MiB | %.1f KiB |\n",
		idleConns, mebibytes(before), mebibytes(after), float64(after-before)/1024/idleConns)
	return nil
}

// settle is time for the process to collect garbage and give memory back.
const settle = 3 * time.Second

// bindOnce opens connection i and binds on it.
func (b *bench) bindOnce(ctx context.Context, d *fixture.Dialtree, i int) (*fixture.Client, error) {
	c, err := fixture.Dial(ctx, d.Address, nil)
	if err != nil {
		return nil, fmt.Errorf("connection %d: %w", i+1, err)
	}
	u := b.users[i%len(b.users)]
	if r, err := c.Bind(fixture.DialtreeDN(u.UID), u.Password); err != nil || r.Code != 0 {
		c.Close()
		return nil, fmt.Errorf("bind on connection %d: result %d %s: %w", i+1, r.Code, r.Diagnostic, err)
	}
	return c, nil
}

func mebibytes(n int64) float64 { return float64(n) / (1 << 20) }
