package page

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/admin/access"
)

//go:embed templates
var templateFiles embed.FS

// templates are the templates of one language: each page with the layout and the parts that
// all of them share. A page is parsed when it is first asked for: all of them at the start
// would take the server a quarter of a second.
type templates struct {
	base  *template.Template
	mu    sync.Mutex // guards pages
	pages map[string]*template.Template
}

// shared are the files that every page may use.
var shared = []string{"templates/layout.html", "templates/parts.html", "templates/connector-parts.html", "templates/logins.html"}

func parseTemplates(s *static, now func() time.Time) (map[string]*templates, error) {
	all := map[string]*templates{}
	for _, l := range languages() {
		base, err := template.New("").Funcs(functions(l, s, now)).ParseFS(templateFiles, shared...)
		if err != nil {
			return nil, fmt.Errorf("parse the templates: %w", err)
		}
		all[l.Code] = &templates{base: base, pages: map[string]*template.Template{}}
	}
	return all, nil
}

// page returns the templates of a page.
func (t *templates) page(name string) (*template.Template, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if page, ok := t.pages[name]; ok {
		return page, nil
	}
	page, err := t.base.Clone()
	if err == nil {
		page, err = page.ParseFS(templateFiles, "templates/"+name+".html")
	}
	if err != nil {
		return nil, fmt.Errorf("parse the page %s: %w", name, err)
	}
	t.pages[name] = page
	return page, nil
}

// A view is what the layout and the content of a page see.
type view struct {
	Title text
	Name  string // beside the title: of the thing that the page is about
	Path  string // of the request
	Query string // of the request, encoded
	Lang  string
	Theme string
	Done  text // what was just done
	Who   *access.Identity
	Node  admin.Standing // of this node; what keeps it from changing anything is for who has signed in
	Nav   []navItem
	Data  any
}

// May tells whether the one who looks may do what needs a scope: buttons that would only be
// refused are not shown. The API decides.
func (v *view) May(scope string) bool { return v.Who.May(access.Scope(scope)) }

// A navItem is a section of the page.
type navItem struct {
	Path    string
	Icon    string
	Label   text
	Current bool
}

func sections(current string) []navItem {
	items := []navItem{
		{Path: "/", Icon: "overview", Label: text("Overview")},
		{Path: "/connectors", Icon: "connectors", Label: text("Connectors")},
		{Path: "/users", Icon: "users", Label: text("Users")},
		{Path: "/authentication", Icon: "key", Label: text("Authentication")},
		{Path: "/phonebooks", Icon: "phonebook", Label: text("Phonebooks")},
		{Path: "/phones", Icon: "phone", Label: text("Phones")},
		{Path: "/system", Icon: "system", Label: text("System")},
	}
	for i := range items {
		p := items[i].Path
		items[i].Current = current == p || p != "/" && strings.HasPrefix(current, p+"/")
	}
	return items
}

// show answers with a page.
func (r *request) show(page string, title text, data any) error {
	r.render(http.StatusOK, page, title, data)
	return nil
}

// showNamed answers with a page about one thing.
func (r *request) showNamed(page string, title text, name string, data any) error {
	r.renderView(http.StatusOK, page, &view{Title: title, Name: name, Data: data})
	return nil
}

func (r *request) render(status int, page string, title text, data any) {
	r.renderView(status, page, &view{Title: title, Data: data})
}

func (r *request) renderView(status int, page string, v *view) {
	v.Path, v.Query, v.Lang, v.Theme, v.Who, v.Node, v.Nav = r.URL.Path, r.URL.RawQuery, r.lang, r.theme, r.who, r.standing, sections(r.URL.Path)
	v.Done = doneTexts[r.URL.Query().Get("done")]
	r.execute(status, page, part{"layout", v})
}

// fragment answers with a part of a page, for the script to put in place.
func (r *request) fragment(page, name string, data any) error {
	r.execute(http.StatusOK, page, part{name, data})
	return nil
}

// again answers with a part of a page that is loaded again by itself, and with how the node is by now.
func (r *request) again(page, name string, data any) error {
	r.execute(http.StatusOK, page, part{"standing-again", r.standing}, part{name, data})
	return nil
}

// A part is a template with its data.
type part struct {
	name string
	data any
}

// execute renders into memory first, so that a mistake in a template is an error page
// rather than half a page.
func (r *request) execute(status int, page string, parts ...part) {
	var buf bytes.Buffer
	t, err := r.page.templates[r.lang].page(page)
	for _, p := range parts {
		if err == nil {
			err = t.ExecuteTemplate(&buf, p.name, p.data)
		}
	}
	if err != nil {
		r.page.log.Error("a page could not be rendered", "page", page, "error", err)
		http.Error(r.w, "internal error: the log of the server says more", http.StatusInternalServerError)
		return
	}
	h := r.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", r.lang)
	h.Add("Vary", "Accept-Language, Cookie")
	r.w.WriteHeader(status)
	r.w.Write(buf.Bytes())
}
