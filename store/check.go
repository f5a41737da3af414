package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"

	"go.etcd.io/bbolt"
)

// maxProblems bounds what Check returns: a damaged file can have a problem per entry.
const maxProblems = 100

// A Problem is something in the file that should not be.
type Problem struct {
	Where   string // such as "user 0c1… (alice)" or "index names"
	Message string

	minor bool // the store works without what is missing
}

// Minor tells whether the store works without what is missing.
func (p Problem) Minor() bool { return p.minor }

func (p Problem) String() string { return p.Where + ": " + p.Message }

var errEnoughProblems = errors.New("enough problems")

// A checker looks at one snapshot.
type checker struct {
	ctx      context.Context
	s        *Store
	tx       *bbolt.Tx
	seq      uint64
	problems []Problem
}

// Check looks whether the file holds together: its pages, and everything that Apply promises. It returns the first hundred
// problems, each with a sentence. Applies wait while the pages are looked at; reads go on.
func (s *Store) Check(ctx context.Context) ([]Problem, error) {
	c := &checker{ctx: ctx, s: s}
	if err := c.pages(); err != nil {
		return nil, err
	}
	for _, p := range c.problems {
		if !p.minor {
			return c.problems, nil // what is built on damaged pages says nothing more
		}
	}
	return c.content()
}

// CheckContent is Check without the pages, which Open has looked at.
func (s *Store) CheckContent(ctx context.Context) ([]Problem, error) {
	return (&checker{ctx: ctx, s: s}).content()
}

func (c *checker) content() ([]Problem, error) {
	err := c.s.View(func(v *Snapshot) error {
		c.tx, c.seq = v.tx, v.Seq()
		return c.all()
	})
	damage := (*CorruptError)(nil)
	switch {
	case errors.As(err, &damage):
		c.problems, err = append(c.problems, Problem{Where: "file " + c.s.db.Path(), Message: fmt.Sprintf("%v: restore a backup", damage.Err)}), nil
	case errors.Is(err, errEnoughProblems):
		err = nil
	}
	return c.problems, err
}

// report notes a problem; with its error a check ends early.
func (c *checker) report(where, format string, args ...any) error {
	if len(c.problems) == maxProblems {
		c.problems = append(c.problems, Problem{Where: "check", Message: fmt.Sprintf("there are more than these %d problems", maxProblems)})
		return errEnoughProblems
	}
	c.problems = append(c.problems, Problem{Where: where, Message: fmt.Sprintf(format, args...)})
	return nil
}

// pages looks at the pages, of which no commit may write any meanwhile: hence the writer's token.
func (c *checker) pages() error {
	if err := c.s.lock(c.ctx); err != nil {
		return err
	}
	defer c.s.unlock()
	f, err := os.Open(c.s.db.Path())
	if err != nil {
		return c.report("file "+c.s.db.Path(), "it cannot be opened (%v): restore a backup", plainCause(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if _, lost, err := readMeta(f); err == nil && lost != "" {
		if err := c.report("file "+c.s.db.Path(), "%s", lost); err != nil {
			return err
		}
		c.problems[0].minor = true
	}
	err = checkPages(c.ctx, f, info.Size(), func(format string, args ...any) error {
		return c.report("file "+c.s.db.Path(), "%s: restore a backup", fmt.Sprintf(format, args...))
	})
	if errors.Is(err, errEnoughProblems) {
		err = nil
	}
	return err
}

func (c *checker) all() error {
	for _, check := range [...]func() error{
		c.buckets,
		c.entries,
		c.names,
		c.codes,
		c.keys,
		c.books,
		c.objects,
		c.sealed,
		c.log,
		c.runs,
		c.images,
		c.sessions,
		c.audit,
		c.refusals,
		c.plans,
		c.here,
		c.membership,
	} {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// buckets checks that the file holds the buckets of a store and nothing else. That none is missing was looked at when it was opened.
func (c *checker) buckets() error {
	return c.tx.ForEach(func(name []byte, _ *bbolt.Bucket) error {
		if !slices.ContainsFunc(allBuckets(), func(known []byte) bool { return bytes.Equal(known, name) }) {
			return c.report("file "+c.s.db.Path(), "the bucket %q is not one of a store", name)
		}
		return nil
	})
}

// forEach visits a bucket, yields, and looks at the context now and then.
func (c *checker) forEach(bucket []byte, visit func(k, v []byte) error) error {
	n := 0
	b := c.tx.Bucket(bucket)
	if b == nil { // of a schema version that the content does not have yet
		return nil
	}
	return b.ForEach(func(k, v []byte) error {
		if n++; n%restEvery == 0 {
			runtime.Gosched() // a check takes seconds, and must not keep a search waiting
			if err := c.ctx.Err(); err != nil {
				return err
			}
		}
		return visit(k, v)
	})
}
