package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/admin/yamldoc"
	"github.com/dialtree/dialtree/store"
)

// A trial asks another machine for somebody who waits for the answer.
const (
	maxTrials    = 4 // at once: each may read a file or hold connections
	trialTimeout = 30 * time.Second
)

type lookInput struct {
	Records int `query:"records" minimum:"1" maximum:"1000" default:"20" doc:"How many records of the source are read"`
	Body    Document
}

type upstreamTestInput struct {
	Body Document
}

// trialRoutes are those that try what need not be stored. They want all rights: they connect to any address
// that they are given, with stored secrets where those are named.
func (s *Server) trialRoutes(api huma.API) {
	register(s, api, access.Admin, takes(api, Kind(store.ObjectConnector), huma.Operation{OperationID: "look-at-source", Method: http.MethodPost, Path: "/connectors/preview", Tags: []string{"connectors"},
		Summary: "Show what a connector, stored or not, sees of its source", Description: "What is wrong with the source is an answer: `error` tells the step that failed. It takes 30 s at most. A secret that reads `[secret]` is the stored one's."}),
		func(ctx context.Context, in *lookInput) (*body[SourceLook], error) {
			look, err := trial(ctx, s, func(ctx context.Context) (*SourceLook, error) {
				c := new(store.Connector)
				if err := s.tried(in.Body, c); err != nil {
					return nil, err
				}
				return s.options.Syncer.LookAtSource(ctx, c, in.Records)
			})
			return answered(look, err)
		})
	register(s, api, access.Admin, takes(api, Kind(store.ObjectUpstream), huma.Operation{OperationID: "test-upstream", Method: http.MethodPost, Path: "/upstreams/test", Tags: []string{"upstreams"},
		Summary: "Connect to each server of an upstream, stored or not", Description: "A server that does not answer is an answer: `steps` tells how far it came. It takes 30 s at most. A secret that reads `[secret]` is the stored one's."}),
		func(ctx context.Context, in *upstreamTestInput) (*body[UpstreamTest], error) {
			test, err := trial(ctx, s, func(ctx context.Context) (*UpstreamTest, error) {
				u := new(store.Upstream)
				if err := s.tried(in.Body, u); err != nil {
					return nil, err
				}
				if err := u.Validate(); err != nil {
					return nil, err
				}
				return s.options.Upstreams.Test(ctx, u)
			})
			return answered(test, err)
		})
}

func answered[T any](out *T, err error) (*body[T], error) {
	if err != nil {
		return nil, err
	}
	return &body[T]{*out}, nil
}

// trial does one of a bounded number of trials within their time.
func trial[T any](ctx context.Context, s *Server, do func(context.Context) (*T, error)) (*T, error) {
	select {
	case s.trials <- struct{}{}:
		defer func() { <-s.trials }()
	default:
		return nil, newProblem(http.StatusTooManyRequests, fmt.Sprintf("%d connections are being tried, which is as many as there may be: try again in a moment", maxTrials))
	}
	ctx, cancel := context.WithTimeout(ctx, trialTimeout)
	defer cancel()
	return do(ctx)
}

// tried decodes the document of an object that need not be stored. Secrets that are masked are those of the
// stored object of that name.
func (s *Server) tried(document Document, o store.Object) error {
	docs, err := yamldoc.Parse("", document) // JSON is YAML
	if err != nil {
		return err
	}
	if len(docs) != 1 {
		return newProblem(http.StatusUnprocessableEntity, "want one document")
	}
	told := []string{"kind", statusKey}
	if setsUpUpstream(docs[0]) {
		told = append(told, "authentication") // the upstream would be made by applying it
	}
	if err := docs[0].Decode(o, told...); err != nil {
		return err
	}
	stored, err := s.options.Store.Object(o.ObjectKind(), o.ObjectName())
	switch {
	case err == nil:
		store.Unmask(o, stored)
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	return nil
}
