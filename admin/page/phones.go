package page

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/admin/phonesettings"
)

func (p *Page) phoneRoutes() {
	p.handle("GET /phones", (*request).devices)
	p.handle("GET /phones/devices/new", func(r *request) error { return r.deviceForm(http.StatusOK, newDeviceFields(), nil) })
	p.handle("POST /phones/devices/new", (*request).addDevice)
	p.handle("GET /phones/devices/{name}", func(r *request) error { return r.device(nil) })
	p.handle("POST /phones/devices/{name}", (*request).changeDevice)
	p.handle("POST /phones/devices/{name}/secret", (*request).renewSecret)
	p.handle("POST /phones/devices/{name}/delete", (*request).deleteDevice)
	p.handle("GET /phones/settings", (*request).vendors)
	p.handle("GET /phones/settings/{vendor}", func(r *request) error { return r.sheet(false) })
	p.handle("POST /phones/settings/{vendor}", func(r *request) error { return r.sheet(true) })
	p.handle("POST /phones/settings/{vendor}/file", (*request).sheetFile)
}

const kindDevice admin.Kind = "device"

// A deviceDocument is a device as the API sends it. Its secret stays away.
type deviceDocument struct {
	Kind     admin.Kind `json:"kind"`
	Name     string     `json:"name"`
	Title    string     `json:"title,omitempty"`
	Password string     `json:"password,omitempty"` // "[secret]" keeps the stored one
	Disabled bool       `json:"disabled,omitempty"`
}

func (r *request) devices() error {
	devices, err := listOf[deviceDocument](r, kindDevice)
	if err != nil {
		return err
	}
	return r.show("phones", text("Phones"), devices)
}

func newDeviceFields() []field {
	return []field{
		{Name: "name", Label: text("Name"), Help: text("What the phone logs in as, such as reception or floor-2."), Required: true, Placeholder: "reception"},
		{Name: "title", Label: text("Description"), Help: text("For people: which phones use it."), Placeholder: "Snom phones on the second floor"},
		{Name: "password", Label: text("Secret"), Type: "password", Autocomplete: "new-password", Help: text("Leave it empty: a strong one is made and shown once.")},
	}
}

type deviceForm struct {
	Fields  []field
	Problem *admin.Problem
}

func (r *request) deviceForm(status int, fields []field, problem *admin.Problem) error {
	r.render(status, "device-new", text("Add a device"), deviceForm{fields, problem})
	return nil
}

func (r *request) addDevice() error {
	fields := newDeviceFields()
	fill(fields, r.Request)
	document := deviceDocument{Kind: kindDevice, Name: fields[0].Value, Title: fields[1].Value, Password: r.PostFormValue("password")}
	made, err := r.putDevice(document, admin.PutOptions{New: true})
	if problem, ok := problemOf(err); ok {
		return r.deviceForm(problem.Status, fields, blame(fields, problem, nil))
	}
	if err != nil {
		return err
	}
	// The secret is shown by the answer to this form alone: no address leads to it.
	return r.showNamed("device-secret", text("Device"), document.Name, secretShown{Device: document.Name, Secret: made.Password})
}

// A secretShown is a secret that is shown this once; empty when the administrator chose it.
type secretShown struct{ Device, Secret string }

func (r *request) putDevice(d deviceDocument, o admin.PutOptions) (*admin.Applied, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	return r.page.api.Put(r.Context(), kindDevice, d.Name, text, o)
}

type deviceData struct {
	deviceDocument
	Tag     string
	Logins  []admin.Login
	Vendors []phonesettings.Vendor
	Problem *admin.Problem
}

func (r *request) readDevice() (deviceData, error) {
	var data deviceData
	document, tag, err := r.page.api.GetTagged(r.Context(), kindDevice, r.PathValue("name"))
	if err != nil {
		return data, err
	}
	data.Tag = tag
	return data, json.Unmarshal(document, &data.deviceDocument)
}

func (r *request) device(problem *admin.Problem) error {
	data, err := r.readDevice()
	if err != nil {
		return err
	}
	if data.Logins, err = r.page.api.Logins(r.Context(), data.Name, 10); err != nil {
		return err
	}
	if data.Vendors, err = r.page.api.Phones(r.Context()); err != nil {
		return err
	}
	status := http.StatusOK
	if data.Problem = problem; problem != nil {
		status = problem.Status
	}
	r.renderView(status, "device", &view{Title: text("Device"), Name: data.Name, Data: data})
	return nil
}

// changeDevice sets the title, and whether the device may log in.
func (r *request) changeDevice() error {
	document := deviceDocument{Kind: kindDevice, Name: r.PathValue("name"), Title: strings.TrimSpace(r.PostFormValue("title")), Disabled: r.PostFormValue("enabled") == ""}
	_, err := r.putDevice(document, admin.PutOptions{IfMatch: r.PostFormValue("tag")})
	if problem, ok := problemOf(err); ok {
		return r.device(problem)
	}
	if err != nil {
		return err
	}
	return r.redirect("/phones/devices/"+url.PathEscape(document.Name), "saved")
}

func (r *request) renewSecret() error {
	made, err := r.page.api.NewDeviceSecret(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	return r.showNamed("device-secret", text("Device"), made.Name, secretShown{Device: made.Name, Secret: made.Password})
}

func (r *request) deleteDevice() error {
	err := r.page.api.Delete(r.Context(), kindDevice, r.PathValue("name"), admin.DeleteOptions{IfMatch: r.PostFormValue("tag")})
	if problem, ok := problemOf(err); ok && problem.Status != http.StatusNotFound {
		return r.device(problem)
	}
	if err != nil {
		return err
	}
	return r.redirect("/phones", "deleted")
}

type vendorsData struct {
	Vendors []phonesettings.Vendor
	Device  string
}

func (r *request) vendors() error {
	vendors, err := r.page.api.Phones(r.Context())
	if err != nil {
		return err
	}
	return r.show("vendors", text("Set up a phone"), vendorsData{vendors, r.FormValue("device")})
}

// sheetData is the settings of one vendor's phones.
type sheetData struct {
	Sheet      *phonesettings.Sheet
	Vendor     string
	Title      string
	Devices    []deviceDocument
	Phonebooks []option
	Options    admin.PhoneOptions
	Problem    *admin.Problem
}

func (r *request) phoneOptions() admin.PhoneOptions {
	return admin.PhoneOptions{Device: r.FormValue("device"), Host: strings.TrimSpace(r.FormValue("host")), Phonebook: r.FormValue("phonebook")}
}

// sheet shows the settings. With the secret they are the answer to a form, so that no address
// that stays in a browser's history leads to it.
func (r *request) sheet(secret bool) error {
	data := sheetData{Vendor: r.PathValue("vendor"), Title: r.PathValue("vendor"), Options: r.phoneOptions()}
	data.Options.Secret = secret
	var err error
	if data.Devices, err = listOf[deviceDocument](r, kindDevice); err != nil {
		return err
	}
	if data.Phonebooks, err = r.phonebookOptions(); err != nil {
		return err
	}
	status := http.StatusOK
	data.Sheet, err = r.page.api.PhoneSettings(r.Context(), data.Vendor, data.Options)
	problem, ok := problemOf(err)
	switch {
	case ok && problem.Status == http.StatusNotFound:
		return err
	case ok:
		data.Problem, data.Sheet, status = problem, nil, problem.Status
	case err != nil:
		return err
	default:
		data.Title = data.Sheet.Vendor.Title
	}
	r.renderView(status, "sheet", &view{Title: text("Set up a phone"), Name: data.Title, Data: data})
	return nil
}

// phonebookOptions are the phonebooks to choose one of, after all of them.
func (r *request) phonebookOptions() ([]option, error) {
	books, err := listOf[struct{ Name, Title string }](r, "phonebook")
	if err != nil {
		return nil, err
	}
	options := []option{{Value: "", Label: text("all phonebooks")}}
	for _, b := range books {
		if b.Title == "" {
			b.Title = b.Name
		}
		options = append(options, named(b.Name, b.Title))
	}
	return options, nil
}

// sheetFile downloads the settings, with the secret for whom may see it.
func (r *request) sheetFile() error {
	options := r.phoneOptions()
	options.Secret = r.who.May("admin")
	sheet, err := r.page.api.PhoneSettings(r.Context(), r.PathValue("vendor"), options)
	if err != nil {
		return err
	}
	r.attach(sheet.FileName, sheet.FileType)
	_, err = r.w.Write([]byte(sheet.Text))
	return err
}
