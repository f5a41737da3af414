package admin

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/store"
)

const (
	// maxContactsBytes ends a page early: a client gets the rest with the next one.
	maxContactsBytes = 1 << 20
	// contactsTimeout is how long a client may take to read a page.
	contactsTimeout = 30 * time.Second
	deviceSecurity  = "device"
)

// A Contact is a contact with the names of the field table.
type Contact Document

// MarshalJSON writes the contact as it is.
func (c Contact) MarshalJSON() ([]byte, error) { return c, nil }

// Schema implements huma.SchemaProvider.
func (Contact) Schema(huma.Registry) *huma.Schema {
	text := &huma.Schema{Type: huma.TypeString}
	s := &huma.Schema{Type: huma.TypeObject, Required: []string{"id"}, AdditionalProperties: false, Properties: map[string]*huma.Schema{
		"id": {Type: huma.TypeString, Description: "Stays the same for as long as the contact exists"},
	}}
	for _, f := range store.Fields() {
		switch {
		case !shownToDevices(f):
		case f.Many:
			s.Properties[f.Name] = &huma.Schema{Type: huma.TypeArray, Items: text}
		default:
			s.Properties[f.Name] = text
		}
	}
	return s
}

// shownToDevices tells whether a contact has the field for devices. A picture is as large as a hundred contacts.
func shownToDevices(f store.Field) bool {
	return shown(f, store.KindContact) && f.Matching != store.MatchBytes
}

func contactOf(e *store.Entry) Contact {
	w := objectWriter{}
	w.key("id", e.ID)
	for _, f := range store.Fields() {
		if shownToDevices(f) {
			w.field(f, e)
		}
	}
	return Contact(w.bytes())
}

// A ContactsPage is a part of a phonebook.
type ContactsPage struct {
	Phonebook string    `json:"phonebook"`
	Title     string    `json:"title"`
	Version   string    `json:"version" doc:"Another one after each change of the phonebook"`
	Total     int       `json:"total" doc:"The number of contacts on all pages"`
	Contacts  []Contact `json:"contacts"`
	Next      string    `json:"next,omitempty" doc:"The URL of the next page, without the host; absent on the last one"`
}

type contactsInput struct {
	Name        string `path:"name" doc:"The phonebook's name"`
	After       string `query:"after" doc:"The id of the last contact of the page before"`
	Limit       int    `query:"limit" minimum:"1" maximum:"1000" default:"500" doc:"Contacts on a page; there are fewer where they are large"`
	IfNoneMatch string `header:"If-None-Match" doc:"The ETag of a page that the client has"`
}

type contactsOutput struct {
	Status       int
	ETag         string `header:"ETag" doc:"Another one after each change of the phonebook"`
	CacheControl string `header:"Cache-Control"`
	Vary         string `header:"Vary"`
	Body         *ContactsPage
}

// deviceAPI serves what devices may read, and its description, which holds nothing of this server.
func (s *Server) deviceAPI() http.Handler {
	mux := http.NewServeMux()
	config := apiConfig("Dialtree for devices", "1")
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		deviceSecurity: {Type: "http", Scheme: "basic", Description: "The name and the secret of a device"},
	}
	register(s, humago.New(mux, config), access.Device, huma.Operation{
		OperationID: "read-contacts", Method: http.MethodGet, Path: "/phonebooks/{name}/contacts", Tags: []string{"phonebooks"},
		Summary:     "Read a phonebook",
		Description: "Page by page, in the order of the ids. A phonebook that the device may not read is not found.",
		Security:    []map[string][]string{{deviceSecurity: {}}},
		Responses:   map[string]*huma.Response{"304": {Description: "The phonebook is as it was"}},
		Errors:      []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusTooManyRequests, http.StatusServiceUnavailable},
	}, s.contacts)
	public := http.NewServeMux()
	public.Handle("GET "+apiPath+"/openapi.json", mux)
	public.Handle("GET "+apiPath+"/phonebooks/", slowlyRead(contactsTimeout, s.forDevices(mux)))
	return public
}

// slowlyRead bounds how long a client may take for the answer.
func slowlyRead(limit time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).SetWriteDeadline(time.Now().Add(limit))
		next.ServeHTTP(w, r)
	})
}

func (s *Server) contacts(ctx context.Context, in *contactsInput) (*contactsOutput, error) {
	device := access.From(ctx).Name
	book, ok, err := s.options.Devices.Phonebook(ctx, device, in.Name)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, newProblem(http.StatusNotFound, "there is no phonebook of that name that this device may read")
	}
	// Weak: a contact that was changed a moment ago may be on the page already.
	out := &contactsOutput{Status: http.StatusOK, ETag: `W/"` + book.Version + `"`, CacheControl: "private, no-cache", Vary: "Authorization"}
	if matches(in.IfNoneMatch, book.Version) {
		out.Status = http.StatusNotModified
		return out, nil
	}
	out.Body = &ContactsPage{Phonebook: book.Name, Title: book.Title, Version: book.Version, Total: book.Total}
	return out, s.fill(out.Body, in)
}

// matches tells whether a version is among the tags of If-None-Match (RFC 9110, section 13.1.2).
func matches(tags, version string) bool {
	for tag := range strings.SplitSeq(tags, ",") {
		if tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/"); tag == strconv.Quote(version) {
			return true
		}
	}
	return false
}

// fill adds the contacts of a page, and where it goes on.
func (s *Server) fill(page *ContactsPage, in *contactsInput) error {
	page.Contacts = []Contact{}
	size, last := 0, ""
	return s.options.Store.View(func(v *store.Snapshot) error {
		for e, err := range v.Entries(store.Query{Kind: store.KindContact, Phonebook: page.Phonebook, After: in.After}) {
			switch {
			case err != nil && last == "" && in.After != "":
				return newProblem(http.StatusBadRequest, "after is not the id of a contact: give that of the last contact of the page before")
			case err != nil:
				return err
			case e.Hidden():
				continue
			case len(page.Contacts) == in.Limit, size >= maxContactsBytes:
				page.Next = apiPath + "/phonebooks/" + url.PathEscape(page.Phonebook) + "/contacts?" +
					url.Values{"after": {last}, "limit": {strconv.Itoa(in.Limit)}}.Encode()
				return nil
			}
			c := contactOf(&e)
			size += len(c)
			page.Contacts, last = append(page.Contacts, c), e.ID
		}
		return nil
	})
}
