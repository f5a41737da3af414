package store

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

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
func (s *Store) Check(ctx context.Context) (problems []Problem, err error) {
	c := &checker{ctx: ctx, s: s}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			problems = append(c.problems, Problem{Where: "file " + s.db.Path(), Message: fmt.Sprintf("a page cannot be read (%v): restore a backup", r)})
			err = nil
		}
	}()
	if err := c.pages(); err != nil {
		return nil, err
	}
	if len(c.problems) > 0 {
		return c.problems, nil // what is built on damaged pages says nothing more
	}
	err = s.View(func(v *Snapshot) error {
		c.tx, c.seq = v.tx, v.Seq()
		return c.all()
	})
	if errors.Is(err, errEnoughProblems) {
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

// pages runs bbolt's own check. It reads the list of free pages, which no commit may change meanwhile: hence the writer's lock.
func (c *checker) pages() error {
	if err := c.s.lock(c.ctx); err != nil {
		return err
	}
	defer c.s.unlock()
	if err := checkSize(c.s.db); err != nil {
		return c.report("file "+c.s.db.Path(), "%v: restore a backup", err)
	}
	tx, err := c.s.begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // of a read: cannot fail before Close, which waits for it
	enough := false
	for problem := range tx.Check() { // to the end: its goroutine waits for us
		if !enough {
			enough = c.report("file "+c.s.db.Path(), "%v: restore a backup", problem) != nil
		}
	}
	return nil
}

func (c *checker) all() error {
	for _, check := range [...]func() error{
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

// forEach visits a bucket and looks at the context now and then.
func (c *checker) forEach(bucket []byte, visit func(k, v []byte) error) error {
	n := 0
	return c.tx.Bucket(bucket).ForEach(func(k, v []byte) error {
		if n++; n%4096 == 0 && c.ctx.Err() != nil {
			return c.ctx.Err()
		}
		return visit(k, v)
	})
}
