package admin

import (
	"bytes"
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/admin/access"
)

type handImportInput struct {
	To      string `query:"to" required:"true" doc:"users, phonebook/NAME or speeddials"`
	File    string `query:"file" required:"true" doc:"What messages call the file"`
	DryRun  bool   `query:"dry_run" doc:"Show the plan and change nothing"`
	Confirm bool   `query:"confirm" doc:"Go on although the guard stopped the import before"`
	RawBody []byte `contentType:"application/octet-stream" doc:"CSV or xlsx"`
}

func (s *Server) handImportRoutes(api huma.API) {
	register(s, api, access.SignedIn, huma.Operation{OperationID: "import-file", Method: http.MethodPost, Path: "/import", Tags: []string{"import"},
		Summary: "Import a file once",
		Description: "The entries are made by hand: they belong to no connector. " +
			"Server-sent events as of a connector's run. It is recorded as one of import and can be undone. It wants the scope users for users, contacts for others.",
		Responses: eventStream(), Metadata: map[string]any{streams: true}},
		func(ctx context.Context, in *handImportInput) (*huma.StreamResponse, error) {
			return streamed(s.startImport(ctx, in))
		})
}

// MaxImport bounds a file that is imported by hand, in bytes.
const MaxImport = maxBody

// Import imports a file once and tells its progress. An import that failed or was stopped by the guard is no
// error: the report says so.
func (c *Client) Import(ctx context.Context, f HandFile, o ImportOptions) (*Report, error) {
	query := runFlags(o)
	query.Set("to", f.Target)
	query.Set("file", f.Name)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.address("/import", query), bytes.NewReader(f.Content))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/octet-stream")
	r, err := c.ask(ctx, request)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	return c.report(ctx, r.Body, o)
}
