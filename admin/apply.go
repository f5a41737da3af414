package admin

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/admin/yamldoc"
	"github.com/dialtree/dialtree/store"
)

// A File is a text of YAML documents with the name that messages call it.
type File struct {
	Name string `json:"name" maxLength:"4096" example:"users.yaml"`
	Text string `json:"text" doc:"YAML: one or more documents"`
}

// Applied is what Apply did with one document.
type Applied struct {
	Effect string `json:"effect" enum:"created,updated,unchanged"`
	Kind   Kind   `json:"kind"`
	Name   string `json:"name" doc:"The name, login name or short code; a contact's display name"`
	ID     string `json:"id,omitempty" doc:"An entry's ID"`
	// Password is the only secret that an answer ever holds: one that was made just now.
	Password string `json:"password,omitempty" doc:"The secret that was made for a new device or token: it is shown this once"`
}

// ApplyInput is what Apply takes.
type ApplyInput struct {
	Files  []File `json:"files" minItems:"1"`
	DryRun bool   `json:"dry_run,omitempty" doc:"Say what would be done, and do nothing"`
}

// ApplyOutput is what Apply did, in the order of the documents.
type ApplyOutput struct {
	DryRun  bool      `json:"dry_run"`
	Applied []Applied `json:"applied"`
}

func (s *Server) applyRoutes(api huma.API) {
	register(s, api, access.SignedIn, huma.Operation{OperationID: "apply", Method: http.MethodPost, Path: "/apply", Tags: []string{"apply"},
		Summary:     "Create or update objects and entries",
		Description: "All documents are applied in one transaction: all of them, or none when one has a mistake. Each wants the scope of its kind: contacts, users or admin."},
		func(ctx context.Context, in *body[ApplyInput]) (*body[ApplyOutput], error) {
			out, err := s.apply(ctx, &in.Body)
			return &body[ApplyOutput]{out}, err
		})
}

// apply decodes every document, so that all mistakes are told at once, and then
// changes the store in one step.
func (s *Server) apply(ctx context.Context, in *ApplyInput) (ApplyOutput, error) {
	if problem := changesNothing(access.From(ctx)); problem != nil {
		return ApplyOutput{}, problem
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	p := s.newPlan(ctx, in.DryRun)
	for _, f := range in.Files {
		docs, err := yamldoc.Parse(f.Name, []byte(f.Text))
		p.collect(err)
		for _, d := range docs {
			if err := p.add(d); err != nil {
				return ApplyOutput{}, err
			}
		}
	}
	return s.carryOut(p)
}

// changesNothing refuses who may change no kind of document, before anything is read for him. Which kinds
// somebody may change, the plan asks at each document.
func changesNothing(who *access.Identity) *Problem {
	for _, scope := range []access.Scope{access.Contacts, access.Users, access.Admin} {
		if who.May(scope) {
			return nil
		}
	}
	return refusal(who, access.Contacts)
}

func (s *Server) newPlan(ctx context.Context, dryRun bool) *plan {
	p := &plan{server: s, ctx: ctx, seen: map[string]*yamldoc.Document{}, contacts: map[string]contactNames{}}
	p.changes.DryRun = dryRun
	return p
}

// carryOut does what a plan says, unless one of its documents has a mistake.
func (s *Server) carryOut(p *plan) (ApplyOutput, error) {
	if err := p.addUpstreams(); err != nil {
		return ApplyOutput{}, err
	}
	if err := p.problems.Err(); err != nil {
		return ApplyOutput{}, err
	}
	if len(p.items) == 0 {
		return ApplyOutput{}, newProblem(http.StatusUnprocessableEntity, "there is no document: nothing was changed")
	}
	done, err := s.commit(p.ctx, "applied", &p.changes)
	if err != nil {
		return ApplyOutput{}, p.place(err)
	}
	out := ApplyOutput{DryRun: p.changes.DryRun, Applied: make([]Applied, len(p.items))}
	for i, item := range p.items {
		a := Applied{Kind: item.kind, Name: item.name, Password: item.password}
		if item.object {
			a.Effect = done.Objects[item.index].String()
		} else {
			a.Effect, a.ID = done.Effects[item.index].String(), done.IDs[item.index]
		}
		if out.DryRun {
			a.Password = "" // the secret of the real apply will be another one
		}
		out.Applied[i] = a
	}
	return out, nil
}

// A plan collects what the documents ask for.
type plan struct {
	server   *Server
	ctx      context.Context
	changes  store.Changes
	items    []item
	problems yamldoc.Problems
	seen     map[string]*yamldoc.Document // what each document is about
	contacts map[string]contactNames      // by phonebook; read when first needed
	wanted   []wantedUpstream
	// newContact: a contact without an ID is a new one, whatever its name.
	newContact bool
}

// An item is one document of the plan.
type item struct {
	document *yamldoc.Document
	kind     Kind
	name     string
	object   bool // index is in PutObjects, else in Put
	index    int
	password string
}

func (p *plan) collect(err error) {
	var ps yamldoc.Problems
	if errors.As(err, &ps) {
		p.problems = append(p.problems, ps...)
	}
}

func (p *plan) problem(d *yamldoc.Document, path, text string) {
	p.problems = append(p.problems, d.Problem(path, text))
}

// add adds one document. Its mistakes are collected; an error is the server's.
func (p *plan) add(d *yamldoc.Document) error {
	word, ok := d.Text("kind")
	if !ok {
		p.problem(d, "kind", "is missing: say what this is, such as `kind: user`"+
			yamldoc.Suggest("", names(Kinds())))
		return nil
	}
	kind, ok := ParseKind(word)
	if !ok || string(kind) != word {
		p.problem(d, "kind", "unknown kind \""+word+"\""+yamldoc.Suggest(word, names(Kinds())))
		return nil
	}
	if problem := refusal(access.From(p.ctx), writeScope(kind)); problem != nil {
		return problem
	}
	if entryKind, isEntry := kind.Entry(); isEntry {
		return p.addEntry(d, kind, entryKind)
	}
	return p.addObject(d, kind)
}

// once reports a second document about the same thing: which of them should win is
// not for the order of files to say.
func (p *plan) once(d *yamldoc.Document, kind Kind, name, path string) bool {
	about := key(kind, name)
	if first, twice := p.seen[about]; twice {
		p.problem(d, path, string(kind)+" "+name+" is described twice: first in "+where(first))
		return false
	}
	p.seen[about] = d
	return true
}

// key is what a document is about.
func key(kind Kind, name string) string { return string(kind) + "\x00" + name }

func where(d *yamldoc.Document) string {
	return (&yamldoc.Problem{File: d.File, Line: d.Line, Message: "document"}).Error()
}

// place gives an error of the store the position of the document that it is about.
func (p *plan) place(err error) error {
	var (
		object   *store.ObjectError
		field    *store.FieldError
		entry    *store.EntryError
		conflict *store.ConflictError
	)
	switch {
	case errors.As(err, &object):
		d := p.ofObject(object.Object)
		if d == nil {
			return err
		}
		if errors.As(object.Err, &field) {
			return yamldoc.Problems{d.Problem(field.Path, field.Message)}
		}
		return yamldoc.Problems{d.Problem("", object.Err.Error())}
	case errors.As(err, &entry):
		if d := p.ofEntry(entry.Index); d != nil {
			path := ""
			if entry.Field != 0 {
				path = entry.Field.String()
			}
			return yamldoc.Problems{d.Problem(path, entry.Message)}
		}
	case errors.As(err, &conflict):
		if d := p.ofEntry(conflict.Index); d != nil {
			return yamldoc.Problems{d.Problem(conflict.Field, "\""+conflict.Value+"\" already belongs to "+conflict.Other.String())}
		}
	}
	return err
}

func (p *plan) ofObject(ref store.ObjectRef) *yamldoc.Document {
	for _, i := range p.items {
		if i.object && store.RefOf(p.changes.PutObjects[i.index]) == ref {
			return i.document
		}
	}
	return nil
}

func (p *plan) ofEntry(index int) *yamldoc.Document {
	for _, i := range p.items {
		if !i.object && i.index == index {
			return i.document
		}
	}
	return nil
}
