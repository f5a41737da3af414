package cluster

import (
	"context"
	"fmt"
)

// A fence is a condition that every commit under a context carries: an election, a claim. The store hands the context on and knows nothing of it.
type fenceKey struct{}

// withFence adds a fence to those that a context has.
func withFence(ctx context.Context, c Condition) context.Context {
	had := fencesOf(ctx)
	return context.WithValue(ctx, fenceKey{}, append(had[:len(had):len(had)], c))
}

func fencesOf(ctx context.Context) []Condition {
	fences, _ := ctx.Value(fenceKey{}).([]Condition)
	return fences
}

// errFenced is for whoever commits under a context that is about to end: what it rests on was lost.
var errFenced = fmt.Errorf("nothing was changed: this node no longer holds what it was working under: %w", context.Canceled)
