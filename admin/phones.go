package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/admin/phonesettings"
	"github.com/dialtree/dialtree/store"
)

type phoneInput struct {
	Vendor    string `path:"vendor" doc:"A name or alias of the list, such as yealink"`
	Device    string `query:"device" doc:"The device to log in as; the first one that is not disabled when left out"`
	Host      string `query:"host" doc:"The name that phones use for this server; an address it listens on when left out"`
	Phonebook string `query:"phonebook" doc:"Search this phonebook alone"`
	Secret    bool   `query:"secret" doc:"Fill in the device's secret"`
}

func (s *Server) phoneRoutes(api huma.API) {
	tags := []string{"phones"}
	register(s, api, access.Read, huma.Operation{OperationID: "list-phones", Method: http.MethodGet, Path: "/phones", Tags: tags,
		Summary:     "List the makes of phones, softphones and PBXs that settings are known for",
		Description: "With where the settings are pasted, and how each can connect."},
		func(context.Context, *struct{}) (*body[[]phonesettings.Vendor], error) {
			return &body[[]phonesettings.Vendor]{phonesettings.List()}, nil
		})
	register(s, api, access.Read, huma.Operation{OperationID: "phone-settings", Method: http.MethodGet, Path: "/phones/{vendor}", Tags: tags,
		Summary:     "Write the settings to paste into a phone, with this server's address and a device's name",
		Description: "The device's secret is filled in on request only; a text that says so stands in its place otherwise."},
		func(ctx context.Context, in *phoneInput) (*body[*phonesettings.Sheet], error) {
			sheet, err := s.phoneSettings(ctx, in)
			return &body[*phonesettings.Sheet]{sheet}, err
		})
}

func (s *Server) phoneSettings(ctx context.Context, in *phoneInput) (*phonesettings.Sheet, error) {
	vendor, err := phonesettings.Find(in.Vendor)
	if err != nil {
		return nil, newProblem(http.StatusNotFound, err.Error())
	}
	device, err := s.phoneDevice(in.Device)
	if err != nil {
		return nil, err
	}
	notes, err := s.readerNotes(in.Phonebook, device)
	if err != nil {
		return nil, err
	}
	front := s.options.Front
	hostname, err := os.Hostname()
	if err != nil {
		hostname = "localhost"
	}
	settings := phonesettings.Settings{
		Server: phonesettings.Server{
			Listeners: front.Listeners(), StartTLS: front.StartTLS, RequireTLS: front.RequireTLS,
			Host: in.Host, Hostname: hostname,
		},
		BaseDN: front.BaseDN, Base: front.PhonebookDN(in.Phonebook), Users: front.UsersDN,
		Device: device.Name, DeviceDN: front.DeviceDN(device.Name),
	}
	if in.Secret {
		if problem := refusal(access.From(ctx), access.Admin); problem != nil {
			return nil, problem
		}
		if err := s.audit(ctx, "was shown the secret", string(store.ObjectDevice), device.Name); err != nil {
			return nil, err
		}
		settings.Secret = device.Password
	}
	sheet, err := phonesettings.Render(vendor.Name, settings)
	var unfit *phonesettings.UnfitError
	switch {
	case errors.As(err, &unfit):
		return nil, newProblem(http.StatusUnprocessableEntity, err.Error())
	case err != nil:
		return nil, err
	case in.Secret:
		s.log.Info("a device's secret was shown", "device", device.Name, "vendor", vendor.Name)
	}
	sheet.Notes = append(notes, sheet.Notes...)
	return sheet, nil
}

// phoneDevice returns the device of that name; for no name the first one that may log in.
func (s *Server) phoneDevice(name string) (*store.Device, error) {
	if name != "" {
		object, err := s.object(store.ObjectDevice, name)
		if err != nil {
			return nil, err
		}
		return object.(*store.Device), nil
	}
	objects, err := s.options.Store.Objects(store.ObjectDevice)
	if err != nil {
		return nil, err
	}
	for _, o := range objects {
		if d := o.(*store.Device); !d.Disabled {
			return d, nil
		}
	}
	return nil, newProblem(http.StatusUnprocessableEntity, "there is no device that a phone could log in as: make one with `echo '{kind: device, name: phones}' | dialtree apply -f -`, then ask again")
}

// readerNotes warn of a device that would find nothing.
func (s *Server) readerNotes(phonebook string, device *store.Device) ([]string, error) {
	var notes []string
	if device.Disabled {
		notes = append(notes, fmt.Sprintf("WARNING: device %s is disabled: its logins are refused until it is applied without `disabled`.", device.Name))
	}
	if phonebook == "" {
		return notes, nil
	}
	object, err := s.object(store.ObjectPhonebook, phonebook)
	if err != nil {
		return nil, err
	}
	book := object.(*store.Phonebook).WithDefaults()
	if !slices.ContainsFunc(book.Readers, func(line string) bool { return readsAs(line, device.Name) }) {
		notes = append(notes, fmt.Sprintf("WARNING: device %s is not among the readers of phonebook %s and finds nothing there: add device:%s to them.", device.Name, book.Name, device.Name))
	}
	return notes, nil
}

// readsAs tells whether a line of a phonebook's readers speaks of the device.
func readsAs(line, device string) bool {
	r, err := store.ParseReader(line)
	if err != nil {
		return false
	}
	return r.Kind == store.ReaderEveryone || r.Kind == store.ReaderAuthenticated || r.Kind == store.ReaderDevice && r.Name == device
}
