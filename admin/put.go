package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/admin/yamldoc"
	"github.com/dialtree/dialtree/store"
)

type putInput struct {
	NameInput
	PutHead
	Body Document
}

type postInput struct {
	PutHead
	Body Document
}

// PutHead says what a put may meet. It is exported since huma fills exported fields only.
type PutHead struct {
	IfMatch     string `header:"If-Match" doc:"The ETag of the document that is meant to be replaced"`
	IfNoneMatch string `header:"If-None-Match" doc:"* for one that must not exist yet"`
	DryRun      bool   `query:"dry_run" doc:"Say what would be done, and do nothing"`
}

type putOutput struct {
	ETag string `header:"ETag" doc:"Of the document as it is now; absent after a dry run"`
	Body Applied
}

func (s *Server) putRoutes(api huma.API) {
	for _, kind := range Kinds() {
		path, tags := "/"+kind.plural(), []string{kind.plural()}
		register(s, api, writeScope(kind), takes(api, kind, huma.Operation{OperationID: "put-" + string(kind), Method: http.MethodPut, Path: path + "/{name}", Tags: tags,
			Summary:     "Create or replace one " + string(kind),
			Description: "The document means what it means to apply. A name in the path that is an entry's ID, login name or short code says which entry is meant: another name in the document renames it. Objects cannot be renamed."}),
			func(ctx context.Context, in *putInput) (*putOutput, error) {
				return s.put(ctx, kind, in.Name, in.PutHead, in.Body)
			})
		register(s, api, writeScope(kind), takes(api, kind, huma.Operation{OperationID: "create-" + string(kind), Method: http.MethodPost, Path: path, Tags: tags,
			Summary: "Create a new " + string(kind), Description: "One that exists is not changed, and a contact may have the name of another."}),
			func(ctx context.Context, in *postInput) (*putOutput, error) {
				in.IfNoneMatch = "*"
				return s.put(ctx, kind, "", in.PutHead, in.Body)
			})
	}
}

// put creates or replaces one object or entry; an empty name is that of the document.
func (s *Server) put(ctx context.Context, kind Kind, name string, head PutHead, body Document) (*putOutput, error) {
	d, err := yamldoc.ParseJSON(body)
	if err != nil {
		return nil, err
	}
	d.Default("kind", string(kind))
	if word, _ := d.Text("kind"); word != string(kind) {
		return nil, &store.FieldError{Path: "kind", Message: fmt.Sprintf("must be %s here, or left out", kind)}
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	p := s.newPlan(ctx, head.DryRun)
	if err := s.nameIn(p, d, kind, name, head); err != nil {
		return nil, err
	}
	if err := p.add(d); err != nil {
		return nil, err
	}
	out, err := s.carryOut(p)
	if err != nil {
		return nil, err
	}
	answer := &putOutput{Body: out.Applied[0]}
	if head.DryRun {
		return answer, nil
	}
	now := answer.Body.Name
	if answer.Body.ID != "" {
		now = answer.Body.ID
	}
	f, err := s.find(kind, now)
	if err != nil {
		return nil, err
	}
	answer.ETag, err = f.etag()
	return answer, err
}

// nameIn says in the document which object or entry the path means, and looks whether it is the
// one that the client expects.
func (s *Server) nameIn(p *plan, d *yamldoc.Document, kind Kind, name string, head PutHead) error {
	entryKind, isEntry := kind.Entry()
	nameKey := "name"
	if isEntry {
		nameKey = keyField(entryKind)
	}
	if name == "" {
		name, _ = d.Text(nameKey)
		if entryKind == store.KindContact {
			name, _ = d.Text("id")
			p.newContact = true
		}
	}
	var old *found
	if name != "" {
		f, err := s.find(kind, name)
		switch {
		case err == nil:
			old = f
		case !errors.Is(err, store.ErrNotFound):
			return err
		}
	}
	if err := s.expected(kind, name, old, head); err != nil {
		return err
	}
	switch {
	case old != nil && old.entry != nil:
		if entryKind != store.KindContact {
			d.Default(nameKey, entryName(old.entry))
		}
		d.Default("id", old.entry.ID)
		if id, _ := d.Text("id"); id != old.entry.ID {
			return &store.FieldError{Path: "id", Message: fmt.Sprintf("is another than that of %s: leave it out, an ID never changes", name)}
		}
	case entryKind == store.KindContact && !p.newContact:
		return &store.NotFoundError{What: "contact " + name}
	case entryKind != store.KindContact:
		d.Default(nameKey, name)
		if own, _ := d.Text(nameKey); !sameName(kind, own, name) {
			return &store.FieldError{Path: nameKey, Message: fmt.Sprintf("is %q, but the path says %q: %s", own, name, renaming(isEntry, kind))}
		}
	}
	return nil
}

func renaming(isEntry bool, kind Kind) string {
	if isEntry {
		return "there is no " + string(kind) + " of that name to be renamed"
	}
	return "an object cannot be renamed, since others refer to it by its name; create a new one and delete the old one"
}

// sameName tells whether two names of a document and a path mean the same.
func sameName(kind Kind, a, b string) bool {
	if a == b {
		return true
	}
	normalize := store.NormalizeName
	if kind == Kind(store.KindSpeedDial.String()) {
		normalize = store.NormalizeCode
	}
	a, okA := normalize(a)
	b, okB := normalize(b)
	return okA && okB && a == b
}

// expected refuses a put of a document that is not as the client saw it (RFC 9110, section 13.2.2).
// Who makes an entry anew does not see one that its connector keeps hidden.
func (s *Server) expected(kind Kind, name string, old *found, head PutHead) error {
	if old == nil {
		if head.IfMatch != "" {
			return newProblem(http.StatusPreconditionFailed, fmt.Sprintf("%s %s is not there any more: leave out If-Match to create it anew", kind, name))
		}
		return nil
	}
	if head.IfMatch != "" {
		return old.matches(kind, name, head.IfMatch)
	}
	if strings.TrimSpace(head.IfNoneMatch) == "*" && (old.entry == nil || !old.entry.Hidden()) {
		return newProblem(http.StatusPreconditionFailed, fmt.Sprintf("%s %s exists already: change that one, or choose another name", kind, name))
	}
	return nil
}

// matches refuses a change of a document that is not what the tag was given for.
func (f *found) matches(kind Kind, name, tag string) error {
	etag, err := f.etag()
	if err != nil {
		return err
	}
	if tag != "*" && strings.TrimPrefix(tag, "W/") != etag {
		return newProblem(http.StatusPreconditionFailed, fmt.Sprintf("%s %s was changed since it was read: read it again", kind, name))
	}
	return nil
}
