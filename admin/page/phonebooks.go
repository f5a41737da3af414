package page

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/dialtree/dialtree/admin"
)

// The kinds of what is searched by phones.
const (
	kindPhonebook admin.Kind = "phonebook"
	kindContact   admin.Kind = "contact"
	kindSpeedDial admin.Kind = "speeddial"
)

func (p *Page) phonebookRoutes() {
	p.handle("GET /phonebooks", (*request).phonebooks)
	p.handle("GET /phonebooks/lookup", (*request).lookUp)
	p.handle("GET /phonebooks/new", func(r *request) error { return r.phonebookForm(phonebookForm{Fields: phonebookFields(true)}) })
	p.handle("POST /phonebooks/new", (*request).addPhonebook)
	p.handle("GET /phonebooks/books/{name}", (*request).phonebook)
	p.handle("GET /phonebooks/books/{name}/settings", (*request).phonebookSettings)
	p.handle("POST /phonebooks/books/{name}/settings", (*request).changePhonebook)
	p.handle("POST /phonebooks/books/{name}/delete", (*request).deletePhonebook)
	p.handle("GET /phonebooks/books/{name}/duplicates", (*request).duplicates)
	p.handle("GET /phonebooks/books/{name}/export", func(r *request) error {
		return r.pass(r.page.api.Export(r.Context(), kindContact, r.PathValue("name"), r.FormValue("format")))
	})
	p.handle("GET /phonebooks/speeddials", (*request).speedDials)
	p.handle("GET /phonebooks/speeddials/export", func(r *request) error {
		return r.pass(r.page.api.Export(r.Context(), kindSpeedDial, "", r.FormValue("format")))
	})
	p.contactRoutes()
	p.importRoutes()
}

// A phonebookDocument is a phonebook as the API sends one.
type phonebookDocument struct {
	Kind    admin.Kind `json:"kind"`
	Name    string     `json:"name"`
	Title   string     `json:"title,omitempty"`
	Readers []string   `json:"readers,omitempty"`
}

// Shown is the title, or the name where there is none.
func (d phonebookDocument) Shown() string {
	if d.Title != "" {
		return d.Title
	}
	return d.Name
}

type phonebooksData struct {
	Books      []phonebookDocument
	Contacts   map[string]int
	SpeedDials int
	LookUp     lookUpData
}

func (r *request) phonebooks() error {
	var data phonebooksData
	var err error
	if data.Books, err = listOf[phonebookDocument](r, kindPhonebook); err != nil {
		return err
	}
	overview, err := r.page.api.Overview(r.Context())
	if err != nil {
		return err
	}
	data.Contacts, data.SpeedDials = overview.Phonebooks, overview.Entries[string(kindSpeedDial)]
	if data.LookUp.As, err = r.lookers(); err != nil {
		return err
	}
	return r.show("phonebooks", text("Phonebooks"), data)
}

// lookUpData is a search as a phone makes it.
type lookUpData struct {
	Text    string
	Who     string
	As      []option
	Found   *admin.Lookup
	Problem *admin.Problem
}

// lookers are those as whom one can look: everyone and the devices.
func (r *request) lookers() ([]option, error) {
	devices, err := listOf[deviceDocument](r, kindDevice)
	if err != nil {
		return nil, err
	}
	var options []option
	for _, d := range devices {
		options = append(options, named("device:"+d.Name, d.Name))
	}
	return append(options, option{Value: "everyone", Label: text("everyone")}), nil
}

func (r *request) lookUp() error {
	data := lookUpData{Text: strings.TrimSpace(r.FormValue("text")), Who: r.FormValue("as")}
	if data.Text != "" {
		found, err := r.page.api.LookUp(r.Context(), data.Text, data.Who)
		problem, ok := problemOf(err)
		if err != nil && !ok {
			return err
		}
		data.Found, data.Problem = found, problem
		if ok {
			data.Found = nil
		}
	}
	if r.Header.Get(fragmentHeader) != "" {
		return r.fragment("lookup", "found", data)
	}
	var err error
	if data.As, err = r.lookers(); err != nil {
		return err
	}
	return r.show("lookup", text("Look up as a phone"), data)
}

type bookData struct {
	Book        phonebookDocument
	Query       string
	Contacts    []contactRow
	Total       int
	First, Next string
}

// A contactRow is a line of a list of contacts or speed dials.
type contactRow struct {
	ID           string   `json:"id"`
	DisplayName  string   `json:"displayname"`
	Organisation string   `json:"organisation"`
	Email        []string `json:"email"`
	Phone        []string `json:"phone"`
	Mobile       []string `json:"mobile"`
	ShortCode    string   `json:"shortcode"`
	Connector    string   `json:"connector"`
	Phonebook    string   `json:"phonebook"`
}

// rows reads a page of a list.
func rows(page *admin.Page) ([]contactRow, error) {
	out := make([]contactRow, len(page.Items))
	for i, d := range page.Items {
		if err := json.Unmarshal(d, &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (r *request) phonebook() error {
	var data bookData
	document, err := r.page.api.Get(r.Context(), kindPhonebook, r.PathValue("name"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(document, &data.Book); err != nil {
		return err
	}
	if err := r.entryList(kindContact, data.Book.Name, "/phonebooks/books/"+url.PathEscape(data.Book.Name), &data); err != nil {
		return err
	}
	if r.Header.Get(fragmentHeader) != "" {
		return r.fragment("phonebook", "contacts", data)
	}
	return r.showNamed("phonebook", text("Phonebook"), data.Book.Shown(), data)
}

func (r *request) speedDials() error {
	var data bookData
	if err := r.entryList(kindSpeedDial, "", "/phonebooks/speeddials", &data); err != nil {
		return err
	}
	if r.Header.Get(fragmentHeader) != "" {
		return r.fragment("speeddials", "speeddials", data)
	}
	return r.show("speeddials", text("Speed dials"), data)
}

// entryList fills in a page of contacts or speed dials, and where the next one is.
func (r *request) entryList(kind admin.Kind, phonebook, path string, data *bookData) error {
	data.Query = strings.TrimSpace(r.FormValue("q"))
	after := r.FormValue("after")
	page, err := r.page.api.ListPage(r.Context(), kind, admin.ListOptions{Query: data.Query, Phonebook: phonebook, After: after, Limit: pageSize})
	if err != nil {
		return err
	}
	if data.Contacts, err = rows(page); err != nil {
		return err
	}
	data.Total = page.Total
	query := url.Values{}
	if data.Query != "" {
		query.Set("q", data.Query)
	}
	if after != "" {
		data.First = path + "?" + query.Encode()
	}
	if page.Next != "" {
		query.Set("after", page.Next)
		data.Next = path + "?" + query.Encode()
	}
	return nil
}

type duplicatesData struct {
	Book  string
	Found *admin.Duplicates
	Rows  [][]contactRow // of each group
}

func (r *request) duplicates() error {
	data := duplicatesData{Book: r.PathValue("name")}
	var err error
	if data.Found, err = r.page.api.Duplicates(r.Context(), data.Book); err != nil {
		return err
	}
	for _, g := range data.Found.Groups {
		group, err := rows(&admin.Page{Items: g.Contacts})
		if err != nil {
			return err
		}
		data.Rows = append(data.Rows, group)
	}
	return r.showNamed("duplicates", text("Duplicates"), data.Book, data)
}

type phonebookForm struct {
	Book    phonebookDocument
	Tag     string
	Fields  []field
	Problem *admin.Problem
}

func phonebookFields(isNew bool) []field {
	fields := []field{
		{Name: "title", Label: text("Title"), Help: text("What people call it, such as Customers."), Placeholder: "Customers"},
		{Name: "readers", Label: text("Readers, one a line"), Type: "textarea", Rows: 4, Placeholder: "authenticated",
			Help: text("Who may search it: everyone, authenticated (who logged in), device:NAME, user:NAME or group:NAME. Empty: authenticated.")},
	}
	if isNew {
		return append([]field{{Name: "name", Label: text("Name"), Required: true, Placeholder: "customers", Help: text("Short, for addresses and files; it stays as it is.")}}, fields...)
	}
	return fields
}

func (r *request) phonebookForm(form phonebookForm) error {
	status := http.StatusOK
	if form.Problem != nil {
		status = form.Problem.Status
	}
	title := text("Settings of the phonebook")
	if form.Book.Name == "" {
		title = text("Add a phonebook")
	}
	r.renderView(status, "phonebook-form", &view{Title: title, Name: form.Book.Name, Data: form})
	return nil
}

// putPhonebook stores the form; a problem comes back in it.
func (r *request) putPhonebook(form *phonebookForm, o admin.PutOptions) (bool, error) {
	fill(form.Fields, r.Request)
	book := phonebookDocument{Kind: kindPhonebook, Name: form.Book.Name}
	for _, f := range form.Fields {
		switch f.Name {
		case "name":
			book.Name = f.Value
		case "title":
			book.Title = f.Value
		case "readers":
			book.Readers = typedLines(f.Value)
		}
	}
	raw, err := json.Marshal(book)
	if err != nil {
		return false, err
	}
	if _, err = r.page.api.Put(r.Context(), kindPhonebook, book.Name, raw, o); err == nil {
		form.Book = book
		return true, nil
	}
	problem, ok := problemOf(err)
	if !ok {
		return false, err
	}
	if form.Problem = blame(form.Fields, problem, nil); form.Problem == nil {
		form.Problem = &admin.Problem{Status: problem.Status, Detail: string(lookBelow)}
	}
	return false, nil
}

func (r *request) addPhonebook() error {
	form := phonebookForm{Fields: phonebookFields(true)}
	ok, err := r.putPhonebook(&form, admin.PutOptions{New: true})
	if err != nil {
		return err
	}
	if !ok {
		return r.phonebookForm(form)
	}
	return r.redirect("/phonebooks/books/"+url.PathEscape(form.Book.Name), "created")
}

func (r *request) phonebookSettings() error {
	document, tag, err := r.page.api.GetTagged(r.Context(), kindPhonebook, r.PathValue("name"))
	if err != nil {
		return err
	}
	form := phonebookForm{Tag: tag, Fields: phonebookFields(false)}
	if err := json.Unmarshal(document, &form.Book); err != nil {
		return err
	}
	form.Fields[0].Value, form.Fields[1].Value = form.Book.Title, strings.Join(form.Book.Readers, "\n")
	return r.phonebookForm(form)
}

func (r *request) changePhonebook() error {
	form := phonebookForm{Book: phonebookDocument{Name: r.PathValue("name")}, Tag: r.PostFormValue("tag"), Fields: phonebookFields(false)}
	ok, err := r.putPhonebook(&form, admin.PutOptions{IfMatch: form.Tag})
	if err != nil {
		return err
	}
	if !ok {
		return r.phonebookForm(form)
	}
	return r.redirect("/phonebooks/books/"+url.PathEscape(form.Book.Name), "saved")
}

func (r *request) deletePhonebook() error {
	err := r.page.api.Delete(r.Context(), kindPhonebook, r.PathValue("name"), admin.DeleteOptions{IfMatch: r.PostFormValue("tag"), Force: true})
	if err != nil {
		return err
	}
	return r.redirect("/phonebooks", "deleted")
}
