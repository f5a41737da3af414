package page

import (
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/store"
)

func (p *Page) contactRoutes() {
	p.handle("GET /phonebooks/books/{book}/new", func(r *request) error { return r.newEntry(r.contactForm("")) })
	p.handle("POST /phonebooks/books/{book}/new", func(r *request) error { return r.addEntry(r.contactForm("")) })
	p.handle("GET /phonebooks/books/{book}/contacts/{id}", func(r *request) error { return r.editEntry(r.contactForm(r.PathValue("id"))) })
	p.handle("POST /phonebooks/books/{book}/contacts/{id}", func(r *request) error { return r.changeEntry(r.contactForm(r.PathValue("id"))) })
	p.handle("POST /phonebooks/books/{book}/contacts/{id}/delete", func(r *request) error { return r.deleteEntry(r.contactForm(r.PathValue("id"))) })
	p.handle("POST /phonebooks/books/{book}/contacts/{id}/give-back", func(r *request) error { return r.giveBack(r.contactForm(r.PathValue("id"))) })
	p.handle("GET /phonebooks/speeddials/new", func(r *request) error { return r.newEntry(speedDialForm("")) })
	p.handle("POST /phonebooks/speeddials/new", func(r *request) error { return r.addEntry(speedDialForm("")) })
	p.handle("GET /phonebooks/speeddials/{id}", func(r *request) error { return r.editEntry(speedDialForm(r.PathValue("id"))) })
	p.handle("POST /phonebooks/speeddials/{id}", func(r *request) error { return r.changeEntry(speedDialForm(r.PathValue("id"))) })
	p.handle("POST /phonebooks/speeddials/{id}/delete", func(r *request) error { return r.deleteEntry(speedDialForm(r.PathValue("id"))) })
	p.handle("POST /phonebooks/speeddials/{id}/give-back", func(r *request) error { return r.giveBack(speedDialForm(r.PathValue("id"))) })
}

func (r *request) contactForm(id string) *entryForm {
	book := r.PathValue("book")
	return &entryForm{Kind: string(kindContact), ID: id, Phonebook: book, Fields: entryFields(store.KindContact), Up: "/phonebooks/books/" + url.PathEscape(book), UpLabel: book}
}

func speedDialForm(id string) *entryForm {
	return &entryForm{Kind: string(kindSpeedDial), ID: id, Fields: entryFields(store.KindSpeedDial), Up: "/phonebooks/speeddials"}
}

// path is where an entry of the form is edited.
func (f *entryForm) path() string {
	if f.Kind == string(kindContact) {
		return f.Up + "/contacts/" + url.PathEscape(f.ID)
	}
	return f.Up + "/" + url.PathEscape(f.ID)
}

// Action is path for the template.
func (f *entryForm) Action() string { return f.path() }

func (r *request) showEntry(form *entryForm) error {
	status, title, name := http.StatusOK, text("Add a contact"), ""
	switch {
	case form.ID == "" && form.Kind == string(kindSpeedDial):
		title = text("Add a speed dial")
	case form.ID != "":
		title = text("Entry")
		for _, f := range form.Fields {
			if f.Name == "displayname" {
				name = f.Value
			}
		}
	}
	if form.Problem != nil {
		status = form.Problem.Status
	}
	r.renderView(status, "entry", &view{Title: title, Name: name, Data: form})
	return nil
}

func (r *request) newEntry(form *entryForm) error { return r.showEntry(form) }

func (r *request) addEntry(form *entryForm) error {
	kind, err := json.Marshal(form.Kind)
	if err != nil {
		return err
	}
	document := map[string]json.RawMessage{"kind": kind}
	if form.Phonebook != "" {
		if document["phonebook"], err = json.Marshal(form.Phonebook); err != nil {
			return err
		}
	}
	done, err := r.saveEntry(admin.Kind(form.Kind), form, document)
	if err != nil {
		return err
	}
	if done == nil {
		return r.showEntry(form)
	}
	return r.redirect(form.Up, "created")
}

func (r *request) editEntry(form *entryForm) error {
	document, tag, err := r.readEntry(admin.Kind(form.Kind), form.ID)
	if err != nil {
		return err
	}
	form.Tag = tag
	if err := fillFromDocument(form.Fields, document); err != nil {
		return err
	}
	if form.Origin, err = r.page.api.Origin(r.Context(), admin.Kind(form.Kind), form.ID); err != nil {
		return err
	}
	return r.showEntry(form)
}

func (r *request) changeEntry(form *entryForm) error {
	// What the form does not show comes from the entry as it is; whether that is still what was
	// edited, its tag tells.
	document, _, err := r.readEntry(admin.Kind(form.Kind), form.ID)
	if err != nil {
		return err
	}
	done, err := r.saveEntry(admin.Kind(form.Kind), form, document)
	if err != nil {
		return err
	}
	if done == nil {
		return r.showEntry(form)
	}
	return r.redirect(form.path(), "saved")
}

func (r *request) deleteEntry(form *entryForm) error {
	if err := r.page.api.Delete(r.Context(), admin.Kind(form.Kind), form.ID, admin.DeleteOptions{IfMatch: r.PostFormValue("tag")}); err != nil {
		return err
	}
	return r.redirect(form.Up, "deleted")
}

func (r *request) giveBack(form *entryForm) error {
	if err := r.page.api.GiveBack(r.Context(), admin.Kind(form.Kind), form.ID, nil); err != nil {
		return err
	}
	return r.redirect(form.path(), "givenback")
}
