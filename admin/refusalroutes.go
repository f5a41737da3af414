package admin

import (
	"context"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/store"
)

// A RefusalFilter selects refusals. It is exported for the framework, which sees no other.
type RefusalFilter struct {
	User    string    `query:"user" maxLength:"256" doc:"Only where the name that was sent holds this, in any case"`
	Address string    `query:"address" maxLength:"64" doc:"Only from this address or network, such as 192.0.2.0/24"`
	Outcome string    `query:"outcome" maxLength:"40" doc:"Only of this class, such as unknown_user or throttled"`
	Door    string    `query:"door" enum:"ldap,ldaps,page,api,socket" doc:"Only at this door"`
	Since   time.Time `query:"since" doc:"Only what was refused after this time"`
}

type refusalsInput struct {
	RefusalFilter
	After uint64 `query:"after" doc:"Only what came before the record of this number: the last of the page before"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many records"`
}

type refusalFileInput struct {
	RefusalFilter
	Format string `query:"format" enum:"csv,json" default:"csv" doc:"json is one record a line"`
}

func (s *Server) refusalRoutes(api huma.API) {
	tags := []string{"audit"}
	register(s, api, access.Admin, huma.Operation{OperationID: "list-refusals", Method: http.MethodGet, Path: "/audit/refusals", Tags: tags,
		Summary: "List what was refused and why, the last first",
		Description: "Logins, requests and connections. Like ones of ten seconds are one record, which counts them; so is what was too much to be told apart (`others`). " +
			"The last 50,000 records are kept, for 90 days at most. A name is what the client sent as one: people type passwords into the wrong field."},
		func(ctx context.Context, in *refusalsInput) (*body[[]Refusal], error) {
			out := []Refusal{}
			for r, err := range s.refusals(ctx, in.After, &in.RefusalFilter) {
				if err != nil {
					return nil, err
				}
				if out = append(out, r); len(out) == in.Limit {
					break
				}
			}
			return &body[[]Refusal]{out}, nil
		})
	register(s, api, access.Admin, huma.Operation{OperationID: "refusals-file", Method: http.MethodGet, Path: "/audit/refusals/file", Tags: tags,
		Summary: "Download what was refused, the last first", Description: "That it was downloaded is in the audit log.",
		Metadata: map[string]any{streams: true}},
		func(ctx context.Context, in *refusalFileInput) (*huma.StreamResponse, error) {
			if _, err := in.network(); err != nil {
				return nil, err
			}
			if err := s.audit(ctx, "downloaded what was refused", "", ""); err != nil {
				return nil, err
			}
			return &huma.StreamResponse{Body: func(hc huma.Context) {
				refusalFile().send(s, hc, in.Format, s.refusals(hc.Context(), 0, &in.RefusalFilter))
			}}, nil
		})
}

// network is the network that is asked for; the zero one: any.
func (f *RefusalFilter) network() (netip.Prefix, error) {
	if f.Address == "" {
		return netip.Prefix{}, nil
	}
	if p, err := netip.ParsePrefix(f.Address); err == nil {
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(f.Address)
	if err != nil {
		return netip.Prefix{}, &store.FieldError{Path: "address", Message: "is neither an address nor a network such as 192.0.2.0/24"}
	}
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// refusals visits the records that a filter lets through. It reads a page at a time: a client that reads slowly must not hold on to an old
// state of the store.
func (s *Server) refusals(ctx context.Context, before uint64, f *RefusalFilter) func(func(Refusal, error) bool) {
	const page = 1000
	return func(yield func(Refusal, error) bool) {
		network, err := f.network()
		if err != nil {
			yield(Refusal{}, err)
			return
		}
		for {
			records := make([]store.Refusal, 0, page)
			for r, err := range s.options.Store.Refusals(before) {
				if err == nil {
					err = ctx.Err()
				}
				if err != nil {
					yield(Refusal{}, err)
					return
				}
				if records = append(records, r); len(records) == page {
					break
				}
			}
			for i := range records {
				if f.lets(&records[i], network) && !yield(Refusal(records[i]), nil) {
					return
				}
			}
			if len(records) < page {
				return
			}
			before = records[page-1].N
		}
	}
}

func (f *RefusalFilter) lets(r *store.Refusal, network netip.Prefix) bool {
	switch {
	case f.User != "" && !strings.Contains(strings.ToLower(r.Name), strings.ToLower(f.User)),
		f.Outcome != "" && r.Outcome != f.Outcome, f.Door != "" && r.Door != f.Door, r.Last.Before(f.Since):
		return false
	case !network.IsValid():
		return true
	}
	a, err := netip.ParseAddr(r.From)
	return err == nil && network.Contains(a)
}

// refusalFile is the log of refusals as a file.
func refusalFile() *logFile[Refusal] {
	return &logFile[Refusal]{
		name:   "refusals",
		header: []string{"n", "first", "last", "count", "door", "name", "from", "outcome", "code", "reason"},
		row:    refusalRow,
	}
}

func refusalRow(r *Refusal) []string {
	return []string{
		strconv.FormatUint(r.N, 10), r.First.Format(time.RFC3339), r.Last.Format(time.RFC3339), strconv.Itoa(r.Count),
		r.Door, r.Name, r.From, r.Outcome, strconv.Itoa(r.Code), r.Reason,
	}
}
