package admin

import (
	"context"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// ListOptions select entries and objects. What a kind does not have selects nothing there.
type ListOptions struct {
	Query     string // words or digits that are searched for
	Phonebook string // only its contacts
	Connector string // only what it made
	Method    string // only users with this login method
	Upstream  string // only users whose password this upstream checks
	Group     string // only users of this group
	State     string // only users that are enabled, disabled, changed (by hand) or removed (hidden)
	After     string // the next of the page before
	Limit     int    // 0: the server's default
}

func (o ListOptions) query() url.Values {
	query := given(map[string]string{"q": o.Query, "phonebook": o.Phonebook, "connector": o.Connector,
		"method": o.Method, "upstream": o.Upstream, "group": o.Group, "state": o.State, "after": o.After})
	if o.Limit > 0 {
		query.Set("limit", strconv.Itoa(o.Limit))
	}
	return query
}

// ListPage returns a part of a list: users by login name, contacts by display name, objects by name.
func (c *Client) ListPage(ctx context.Context, kind Kind, o ListOptions) (*Page, error) {
	out := new(Page)
	return out, c.do(ctx, http.MethodGet, "/"+kind.plural(), o.query(), nil, out)
}

// List returns all documents of a kind that the options select.
func (c *Client) List(ctx context.Context, kind Kind, o ListOptions) ([]Document, error) {
	documents := []Document{}
	o.Limit = maxPage
	for {
		page, err := c.ListPage(ctx, kind, o)
		if err != nil {
			return nil, err
		}
		documents = append(documents, page.Items...)
		if page.Next == "" {
			return documents, nil
		}
		o.After = page.Next
	}
}

// Get returns one document.
func (c *Client) Get(ctx context.Context, kind Kind, name string) (Document, error) {
	document, _, err := c.GetTagged(ctx, kind, name)
	return document, err
}

// GetTagged returns one document and the tag of its present state, for Put and Delete.
func (c *Client) GetTagged(ctx context.Context, kind Kind, name string) (Document, string, error) {
	r, err := c.send(ctx, http.MethodGet, namePath(kind, name), nil, nil)
	if err != nil {
		return nil, "", err
	}
	defer r.Body.Close()
	var document Document
	err = json.NewDecoder(r.Body).Decode(&document)
	return document, r.Header.Get("ETag"), err
}

func namePath(kind Kind, name string) string {
	return "/" + kind.plural() + "/" + url.PathEscape(name)
}

// PutOptions say what a put may meet.
type PutOptions struct {
	IfMatch string // only when the document still has this tag; empty: whatever it has
	New     bool   // only when there is none yet
	DryRun  bool   // check, and change nothing
}

// Put creates or replaces one object or entry. An empty name makes a new contact.
func (c *Client) Put(ctx context.Context, kind Kind, name string, document Document, o PutOptions) (*Applied, error) {
	method, path := http.MethodPut, namePath(kind, name)
	if name == "" {
		method, path = http.MethodPost, "/"+kind.plural()
	}
	request, err := c.request(ctx, method, path, flags("dry_run", o.DryRun), document)
	if err != nil {
		return nil, err
	}
	if o.IfMatch != "" {
		request.Header.Set("If-Match", o.IfMatch)
	}
	if o.New {
		request.Header.Set("If-None-Match", "*")
	}
	out := new(Applied)
	return out, c.answer(ctx, request, out)
}

// DeleteOptions say how far a delete goes.
type DeleteOptions struct {
	IfMatch string // only when the document still has this tag; empty: whatever it has
	Force   bool   // a phonebook with its contacts; a connector whose entries become hand-made ones
}

// Delete removes one object or entry.
func (c *Client) Delete(ctx context.Context, kind Kind, name string, o DeleteOptions) error {
	request, err := c.request(ctx, http.MethodDelete, namePath(kind, name), flags("force", o.Force), nil)
	if err != nil {
		return err
	}
	if o.IfMatch != "" {
		request.Header.Set("If-Match", o.IfMatch)
	}
	return c.answer(ctx, request, nil)
}

// An Origin says where an entry and each of its values come from.
type Origin struct {
	ID        string        `json:"id"`
	DN        string        `json:"dn" doc:"Under which LDAP clients find it"`
	Connector string        `json:"connector,omitempty" doc:"That made the entry; empty: by hand"`
	Key       string        `json:"key,omitempty" doc:"Of its record in the source"`
	Created   time.Time     `json:"created"`
	Modified  time.Time     `json:"modified"`
	Removed   *time.Time    `json:"removed,omitempty" doc:"Since when the source has it no more"`
	LocalAuth bool          `json:"local_auth" doc:"The login method was set by hand: a sync leaves it alone"`
	Values    []OriginValue `json:"values" doc:"In the order of the field table"`
}

// An OriginValue is a field and where its values come from.
type OriginValue struct {
	Field  string   `json:"field"`
	Values []string `json:"values"`
	From   string   `json:"from" enum:"connector,hand" doc:"hand: changed here, and left alone by a sync"`
}

// Origin tells where an entry and its values come from.
func (c *Client) Origin(ctx context.Context, kind Kind, name string) (*Origin, error) {
	out := new(Origin)
	return out, c.do(ctx, http.MethodGet, namePath(kind, name)+"/origin", nil, nil, out)
}

// GiveBack lets the next sync decide again about fields that were changed by hand: the named ones,
// auth for the login method, or without any all of them.
func (c *Client) GiveBack(ctx context.Context, kind Kind, name string, fields []string) error {
	return c.do(ctx, http.MethodDelete, namePath(kind, name)+"/local", url.Values{"field": fields}, nil, nil)
}

// A Bulk is one change of many users.
type Bulk struct {
	Users    []string `json:"users" maxItems:"50000" doc:"Login names"`
	Auth     *NewAuth `json:"auth,omitempty" doc:"The login method that they shall have"`
	Disabled *bool    `json:"disabled,omitempty"`
	DryRun   bool     `json:"dry_run,omitempty"`
}

// BulkResult is what became of a Bulk: all of it was done, or with an error nothing.
type BulkResult struct {
	Changed   int           `json:"changed"`
	Unchanged int           `json:"unchanged"`
	Skipped   []SkippedUser `json:"skipped,omitempty"`
}

// A SkippedUser is one who was left as he was.
type SkippedUser struct {
	User   string `json:"user"`
	Reason string `json:"reason"`
}

// ChangeUsers changes how many users log in.
func (c *Client) ChangeUsers(ctx context.Context, b Bulk) (*BulkResult, error) {
	out := new(BulkResult)
	return out, c.do(ctx, http.MethodPost, "/users/bulk", nil, b, out)
}

// Duplicates are contacts of a phonebook that look like one.
type Duplicates struct {
	Groups []DuplicateGroup `json:"groups"`
	More   bool             `json:"more" doc:"There are more groups than these"`
}

// A DuplicateGroup is contacts that share a number or a name.
type DuplicateGroup struct {
	By       string     `json:"by" enum:"number,name"`
	Value    string     `json:"value"`
	Contacts []Document `json:"contacts"`
}

// Duplicates returns contacts of a phonebook that share a number or a name.
func (c *Client) Duplicates(ctx context.Context, phonebook string) (*Duplicates, error) {
	out := new(Duplicates)
	return out, c.do(ctx, http.MethodGet, "/phonebooks/"+url.PathEscape(phonebook)+"/duplicates", nil, nil, out)
}

// A Download is a file that is being received.
type Download struct {
	io.ReadCloser
	Name string // as the server calls it
	Type string // MIME
}

// Export returns entries as a file: csv, xlsx or vcard. For contacts of one phonebook, name it.
func (c *Client) Export(ctx context.Context, kind Kind, phonebook, format string) (*Download, error) {
	query := url.Values{"format": {format}}
	if phonebook != "" {
		query.Set("phonebook", phonebook)
	}
	return c.download(ctx, "/export/"+kind.plural(), query)
}

func (c *Client) download(ctx context.Context, path string, query url.Values) (*Download, error) {
	return c.downloadFrom(ctx, c.address(path, query))
}

func (c *Client) downloadFrom(ctx context.Context, address string) (*Download, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	r, err := c.ask(ctx, request)
	if err != nil {
		return nil, err
	}
	d := &Download{ReadCloser: r.Body, Type: r.Header.Get("Content-Type")}
	if _, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Disposition")); err == nil {
		d.Name = parameters["filename"]
	}
	return d, nil
}
