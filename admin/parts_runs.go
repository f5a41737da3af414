package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/dialtree/dialtree/store"
)

// Runs tells what runs of connectors did and would do. It is a part of Syncer.
type Runs interface {
	// Plan returns what a confirmed run would do; false when there is no plan to confirm.
	Plan(connector string) (*Report, bool, error)
	// Detail returns what a run changed.
	Detail(ctx context.Context, run string) (*RunDetail, error)
	// LookAtSource shows what a connector, stored or not, sees of its source. What is wrong with the connector is a *store.FieldError,
	// what is wrong with the source the look's Error.
	LookAtSource(ctx context.Context, c *store.Connector, records int) (*SourceLook, error)
	// NextTimes returns when a schedule is due next. Its errors are of the type *store.FieldError.
	NextTimes(schedule, timezone string, count int) ([]time.Time, error)
}

// An UpstreamTester connects to upstreams. It is a part of Upstreams.
type UpstreamTester interface {
	// Test connects to each server of an upstream, stored or not, within the time of ctx. What is wrong with the upstream is
	// a *store.FieldError; what is wrong with a server is an answer.
	Test(ctx context.Context, u *store.Upstream) (*UpstreamTest, error)
}

// Conflict is the error of what cannot be done now because of something else that is under way.
func Conflict(detail string) *Problem { return newProblem(http.StatusConflict, detail) }
