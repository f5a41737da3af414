package cluster

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

// listen reads what is there and then what comes, until etcd or ctx ends it.
func (c *Caution) listen(ctx context.Context, hear func([]byte, time.Duration) error) {
	old, revision, err := c.old(ctx)
	if err != nil {
		return
	}
	for _, p := range old {
		// What this node told itself it knows, unless that was before it was started again.
		if !c.started || !c.own(p.Key) {
			c.hear(p, true, hear)
		}
	}
	c.upTo, c.started = revision, true
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	for e := range c.o.KV.Watch(watching, prefixCaution, revision+1) {
		if e.Err != nil {
			return
		}
		for _, event := range e.Events {
			if !event.Deleted && !c.own(event.Key) {
				c.hear(event.Pair, false, hear)
			}
		}
		c.upTo = max(c.upTo, e.Revision)
	}
}

// old returns what was told after upTo, in the order in which it was told, and the revision up to which that is all. Revisions are the order: clocks of nodes may differ.
func (c *Caution) old(ctx context.Context) (pairs []Pair, revision int64, err error) {
	size, from := 0, ""
	for {
		page, r, err := c.o.KV.Range(ctx, prefixCaution, from, cautionPage, false)
		if err != nil {
			return nil, 0, err
		}
		if revision == 0 {
			revision = r
		}
		for _, p := range page {
			if p.Created > c.upTo && p.Created <= revision && size+len(p.Value) <= maxCautionOld {
				pairs = append(pairs, p)
				size += len(p.Value)
			}
		}
		if len(page) < cautionPage {
			slices.SortFunc(pairs, func(a, b Pair) int { return int(a.Created - b.Created) })
			return pairs, revision, nil
		}
		from = page[len(page)-1].Key + "\x00"
	}
}

func (c *Caution) own(key string) bool { return strings.HasPrefix(key, prefixCaution+c.o.Node+"/") }

// hear opens a batch and hands its events on. The teller's clock counts for what is old alone.
func (c *Caution) hear(p Pair, old bool, hear func([]byte, time.Duration) error) {
	plain, err := c.sealer.open(p.Key, p.Value)
	var at time.Time
	var events [][]byte
	if err == nil {
		at, events, err = parseBatch(plain)
	}
	if err != nil {
		c.events.WithLabelValues("heard", "unreadable").Inc()
		return
	}
	age := c.o.Now().Sub(at)
	if c.repeated(p.Key, age) {
		c.events.WithLabelValues("heard", "repeated").Inc()
		return
	}
	if !old && age < maxCautionAge {
		age = 0
	}
	age = min(max(0, age), cautionKept)
	for _, e := range events {
		result := "noted"
		if hear(e, age) != nil {
			result = "unknown" // of a later version
		}
		c.events.WithLabelValues("heard", result).Inc()
	}
}

// A cautionRun is what was heard of a node between two of its starts: its batches have numbers that rise from one that was drawn.
type cautionRun struct {
	number uint64 // of the latest batch
	heard  time.Time
}

// repeated tells whether a batch was heard before, or is older than one that was: somebody has put it there again. What it is sealed with says that its key is its own. One that is
// old by the teller's clock makes no run known: its age keeps it from being news.
func (c *Caution) repeated(key string, age time.Duration) bool {
	node, text, _ := strings.Cut(strings.TrimPrefix(key, prefixCaution), "/")
	number, err := strconv.ParseUint(text, 16, 64)
	if err != nil {
		return false
	}
	now := c.o.Now()
	runs := slices.DeleteFunc(c.runs[node], func(r cautionRun) bool { return now.Sub(r.heard) > cautionRunKept })
	i := slices.IndexFunc(runs, func(r cautionRun) bool { return min(number-r.number, r.number-number) < cautionRunMost })
	again := i >= 0 && int64(number-runs[i].number) <= 0
	switch {
	case again:
	case i >= 0:
		runs[i] = cautionRun{number, now}
	case age < maxCautionAge:
		runs = append(runs, cautionRun{number, now})
	}
	c.runs[node] = runs
	return again
}

// appendBatch appends the time in milliseconds, and each event behind its length in one byte.
func appendBatch(b []byte, now time.Time, events [][]byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(max(0, now.UnixMilli())))
	for _, e := range events {
		b = append(append(b, byte(len(e))), e...)
	}
	return b
}

var errBatch = errors.New("this is no batch of events")

// parseBatch reads what appendBatch wrote. The events share its memory.
func parseBatch(b []byte) (at time.Time, events [][]byte, err error) {
	if len(b) < 8 || b[0] >= 0x80 {
		return time.Time{}, nil, errBatch
	}
	at = time.UnixMilli(int64(binary.BigEndian.Uint64(b)))
	for b = b[8:]; len(b) > 0; {
		n := int(b[0])
		if n == 0 || len(b) < 1+n || len(events) == cautionBatch {
			return time.Time{}, nil, errBatch
		}
		events = append(events, b[1:1+n])
		b = b[1+n:]
	}
	return at, events, nil
}
