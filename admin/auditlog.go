package admin

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/store"
)

type auditInput struct {
	Who   string `query:"who" doc:"Only what somebody of this name did"`
	Q     string `query:"q" maxLength:"200" doc:"Only what holds this in action, kind or name"`
	After uint64 `query:"after" doc:"Only what came before the record of this number: the last of the page before"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many records"`
}

type auditFileInput struct {
	Format string `query:"format" enum:"csv,json" default:"csv" doc:"json is one record a line"`
}

func (s *Server) auditRoutes(api huma.API) {
	tags := []string{"audit"}
	register(s, api, access.Admin, huma.Operation{OperationID: "list-audit", Method: http.MethodGet, Path: "/audit", Tags: tags,
		Summary: "List what was done, the last first", Description: "The last 50,000 records are kept."},
		func(ctx context.Context, in *auditInput) (*body[[]AuditRecord], error) {
			records, err := s.auditPage(ctx, in)
			return &body[[]AuditRecord]{records}, err
		})
	register(s, api, access.Admin, huma.Operation{OperationID: "audit-file", Method: http.MethodGet, Path: "/audit/file", Tags: tags,
		Summary:     "Download the whole audit log, the last record first",
		Description: "Each record with its time, name, door and address, and each field before and after. Secrets read `[secret]`. That it was downloaded is recorded, too.",
		Metadata:    map[string]any{streams: true}},
		func(ctx context.Context, in *auditFileInput) (*huma.StreamResponse, error) {
			if err := s.audit(ctx, "downloaded the audit log", "", ""); err != nil {
				return nil, err
			}
			return &huma.StreamResponse{Body: func(hc huma.Context) { auditFile().send(s, hc, in.Format, s.wholeAudit) }}, nil
		})
}

func (s *Server) auditPage(ctx context.Context, in *auditInput) ([]AuditRecord, error) {
	records := []AuditRecord{}
	q := strings.ToLower(in.Q)
	for r, err := range s.options.Store.Audit(in.After) {
		switch {
		case err != nil:
			return nil, err
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case in.Who != "" && !strings.EqualFold(r.Who, in.Who), !auditHolds(&r, q):
			continue
		}
		if records = append(records, shownRecord(&r)); len(records) == in.Limit {
			break
		}
	}
	return records, nil
}

// auditHolds tells whether a record holds a text in lower case in one of what names it.
func auditHolds(r *store.AuditRecord, q string) bool {
	return slices.ContainsFunc([]string{r.Action, r.Kind, r.Name}, func(text string) bool { return strings.Contains(strings.ToLower(text), q) })
}

func shownRecord(r *store.AuditRecord) AuditRecord {
	shown := AuditRecord{N: r.N, At: r.At, Who: r.Who, Door: r.Door, From: r.From, Action: r.Action, Kind: r.Kind, Name: r.Name, More: r.More, Change: r.Change}
	for _, f := range r.Fields {
		shown.Fields = append(shown.Fields, FieldChange(f))
	}
	return shown
}

// auditFile is the audit log as a file.
func auditFile() *logFile[AuditRecord] {
	return &logFile[AuditRecord]{
		name:   "audit",
		header: []string{"n", "at", "who", "door", "from", "action", "kind", "name", "fields", "more", "change"},
		row:    auditRow,
	}
}

// wholeAudit visits the whole log, a page at a time: a client that reads slowly must not hold on to an old state of the store.
func (s *Server) wholeAudit(yield func(AuditRecord, error) bool) {
	const page = 1000
	before := uint64(0)
	for {
		records := make([]store.AuditRecord, 0, page)
		for r, err := range s.options.Store.Audit(before) {
			if err != nil {
				yield(AuditRecord{}, err)
				return
			}
			if records = append(records, r); len(records) == page {
				break
			}
		}
		for i := range records {
			if !yield(shownRecord(&records[i]), nil) {
				return
			}
		}
		if len(records) < page {
			return
		}
		before = records[page-1].N
	}
}

func auditRow(r *AuditRecord) []string {
	fields := make([]string, len(r.Fields))
	for i, f := range r.Fields {
		fields[i] = f.Field + ": " + f.Old + " → " + f.New
	}
	return []string{
		strconv.FormatUint(r.N, 10), r.At.Format(time.RFC3339), r.Who, r.Door, r.From, r.Action, r.Kind, r.Name,
		strings.Join(fields, "; "), strconv.Itoa(r.More), strconv.FormatUint(r.Change, 10),
	}
}
