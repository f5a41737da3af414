package store

import "context"

// A Problem is something in the file that should not be.
type Problem struct {
	Where   string // such as "user 0c1… (alice)" or "index names"
	Message string
}

func (p Problem) String() string { return p.Where + ": " + p.Message }

// Check looks for problems.
func (s *Store) Check(ctx context.Context) ([]Problem, error) { return nil, ctx.Err() }
