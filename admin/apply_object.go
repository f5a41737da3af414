package admin

import (
	"crypto/rand"
	"encoding/base32"
	"errors"
	"strings"

	"github.com/dialtree/dialtree/admin/yamldoc"
	"github.com/dialtree/dialtree/store"
)

// masked is what a stored secret reads as, and what keeps it when it is applied.
const masked = "[secret]"

// addObject adds the document of an object.
func (p *plan) addObject(d *yamldoc.Document, kind Kind) error {
	object, ok := store.NewObject(store.ObjectKind(kind))
	if !ok {
		return errors.New("no object of kind " + string(kind))
	}
	before := len(p.problems)
	told := []string{"kind"}
	connector, isConnector := object.(*store.Connector)
	if isConnector {
		told = append(told, statusKey)
	}
	setUp := isConnector && setsUpUpstream(d)
	if setUp {
		told = append(told, "authentication")
	}
	p.collect(d.Decode(object, told...))
	if len(p.problems) > before {
		return nil
	}
	if setUp {
		connector.Authentication = &store.Authentication{Method: store.AuthUpstream.String(), Upstream: connector.Name}
		p.wanted = append(p.wanted, wantedUpstream{d, connector})
	}
	made := "" // the secret of what is new
	switch o := object.(type) {
	case *store.Administrator:
		if err := p.administrator(d, o); err != nil {
			return err
		}
		p.field(d, o.Validate())
	case *store.Token:
		var err error
		if made, err = p.token(d, o); err != nil {
			return err
		}
		p.field(d, o.Validate())
	case *store.Connector:
		p.field(d, p.server.options.Syncer.Check(o))
	case *store.Upstream:
		err := o.Validate()
		if err == nil {
			err = p.server.options.Upstreams.Check(o)
		}
		p.field(d, err)
	default:
		p.field(d, object.Validate())
	}
	if len(p.problems) > before || !p.once(d, kind, object.ObjectName(), "name") {
		return nil
	}
	i := item{document: d, kind: kind, name: object.ObjectName(), object: true, index: len(p.changes.PutObjects), password: made}
	if device, ok := object.(*store.Device); ok && device.Password.IsZero() {
		_, err := p.server.options.Store.Device(device.Name)
		switch {
		case err == nil:
			device.Password = store.Literal(masked) // keeps the one it has
		case errors.Is(err, store.ErrNotFound):
			i.password = newDeviceSecret()
			device.Password = store.Literal(i.password)
		default:
			return err
		}
	}
	p.changes.PutObjects = append(p.changes.PutObjects, object)
	p.items = append(p.items, i)
	return nil
}

// field collects a mistake that a check of the object found.
func (p *plan) field(d *yamldoc.Document, err error) {
	var fe *store.FieldError
	switch {
	case err == nil:
	case errors.As(err, &fe):
		p.problem(d, fe.Path, fe.Message)
	default:
		p.problem(d, "", err.Error())
	}
}

// newDeviceSecret returns 160 random bits in a form that can be typed on a phone's
// keypad or read out: lower-case letters and the digits 2 to 7.
func newDeviceSecret() string {
	random := make([]byte, 20)
	rand.Read(random)
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(random))
}
