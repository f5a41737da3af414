package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/dialtree/dialtree/store"
)

// A Standing is what every page shows of the node that made it.
type Standing struct {
	Node    string     // its name in the cluster; empty: it is alone
	Trouble string     // why nothing can be changed at it; empty: it can
	Since   *time.Time // when the trouble began; nil: unknown
}

type standingKey struct{}

// WithStanding returns a context for the handler of a page.
func WithStanding(ctx context.Context, s Standing) context.Context {
	return context.WithValue(ctx, standingKey{}, s)
}

// StandingOf returns what a page's request says of the node; that of a node that is alone and well, where it says nothing.
func StandingOf(ctx context.Context) Standing {
	s, _ := ctx.Value(standingKey{}).(Standing)
	return s
}

// standing hands the page what it shows of this node everywhere. It is no operation of the API: a page must not become
// slower by it, and it needs no scope.
func (s *Server) standing(page http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page.ServeHTTP(w, r.WithContext(WithStanding(r.Context(), s.standingNow())))
	})
}

func (s *Server) standingNow() Standing {
	var out Standing
	if s.options.Cluster != nil {
		out.Node = s.options.Cluster.Node()
		out.Trouble, out.Since = s.unchangeable()
	}
	var written *store.WriteError
	if trouble := s.options.Store.Trouble(); errors.As(trouble, &written) {
		out.Trouble, out.Since = trouble.Error(), nil // of this node's own disk: nothing else helps while it lasts
	}
	return out
}

// unchangeable says why what the nodes share cannot be changed at this one, and since when. An empty text: it can.
func (s *Server) unchangeable() (text string, since *time.Time) {
	if s.options.Cluster == nil {
		return "", nil
	}
	err := s.options.Cluster.Changeable()
	if err == nil {
		return s.clusterWatch.full(), nil
	}
	var away *store.AwayError
	if !errors.As(err, &away) {
		return err.Error(), nil
	}
	if !away.Since.IsZero() {
		at := away.Since.UTC().Truncate(time.Second)
		since = &at
	}
	return reason(fmt.Sprint(away.Err)), since
}
