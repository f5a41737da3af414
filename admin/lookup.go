package admin

import (
	"context"
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/store"
)

// A Directory answers what phones would see.
type Directory interface {
	// LookUp searches for a number or a name as phones do that bind as a reader:
	// everyone, user:NAME or device:NAME.
	LookUp(ctx context.Context, text string, as store.Reader) (*Lookup, error)
}

// A Lookup is what phones would see.
type Lookup struct {
	As    string       `json:"as" doc:"Who looks: everyone, user:NAME or device:NAME"`
	Steps []LookupStep `json:"steps" doc:"The searches that phones send, one after the other"`
}

// A LookupStep is one search.
type LookupStep struct {
	Title   string        `json:"title" doc:"What it looks for"`
	Filter  string        `json:"filter" doc:"As the phone sends it"`
	Entries []LookupEntry `json:"entries" doc:"What it finds that those before it did not"`
	More    bool          `json:"more" doc:"There are more than a phone shows"`
}

// A LookupEntry is one entry that a phone would show.
type LookupEntry struct {
	Name         string   `json:"name"`
	Organisation string   `json:"organisation,omitempty"`
	Phone        []string `json:"phone,omitempty"`
	Mobile       []string `json:"mobile,omitempty"`
	HomePhone    []string `json:"homephone,omitempty"`
	Fax          []string `json:"fax,omitempty"`
	DN           string   `json:"dn"`
}

// LookupInput is what is looked up.
type LookupInput struct {
	Text string `query:"text" required:"true" minLength:"1" maxLength:"256" doc:"A number or a name"`
	As   string `query:"as" doc:"everyone, user:NAME or device:NAME; without it the first device"`
}

func (s *Server) lookupRoutes(api huma.API) {
	register(s, api, access.Read, huma.Operation{OperationID: "lookup", Method: http.MethodGet, Path: "/lookup", Tags: []string{"phones"},
		Summary:     "Look a number or a name up as a phone would",
		Description: "Each step has the filter that a phone sends and what it finds. Only what the reader may see is found."},
		func(ctx context.Context, in *LookupInput) (*body[Lookup], error) {
			as, err := s.looker(in.As)
			if err != nil {
				return nil, err
			}
			found, err := s.options.Directory.LookUp(ctx, in.Text, as)
			if err != nil {
				return nil, err
			}
			found.As = string(as.Kind)
			if as.Name != "" {
				found.As += ":" + as.Name
			}
			return &body[Lookup]{*found}, nil
		})
}

// looker is who looks: whoever is named, or the first device.
func (s *Server) looker(as string) (store.Reader, error) {
	if as != "" {
		r, err := store.ParseReader(as)
		if err != nil || r.Kind == store.ReaderAuthenticated || r.Kind == store.ReaderGroup {
			return store.Reader{}, &store.FieldError{Path: "as", Message: "must be everyone, user:NAME or device:NAME: what a phone can be bound as"}
		}
		return r, nil
	}
	devices, err := s.options.Store.Objects(store.ObjectDevice)
	if err != nil {
		return store.Reader{}, err
	}
	if len(devices) == 0 {
		return store.Reader{}, &store.FieldError{Path: "as", Message: "is missing, and there is no device to look as: name user:NAME or everyone, or make a device with dialtree apply"}
	}
	return store.Reader{Kind: store.ReaderDevice, Name: devices[0].ObjectName()}, nil
}

// LookUp looks a number or a name up as a phone would.
func (c *Client) LookUp(ctx context.Context, text, as string) (*Lookup, error) {
	query := url.Values{"text": {text}}
	if as != "" {
		query.Set("as", as)
	}
	out := new(Lookup)
	return out, c.do(ctx, http.MethodGet, "/lookup", query, nil, out)
}
