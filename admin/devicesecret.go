package admin

import (
	"context"
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/store"
)

func (s *Server) deviceSecretRoutes(api huma.API) {
	register(s, api, access.Admin, huma.Operation{OperationID: "new-device-secret", Method: http.MethodPost, Path: "/devices/{name}/secret", Tags: []string{"devices"},
		Summary:     "Give a device a new secret",
		Description: "The answer shows it this once. The old one ends at once: phones that still have it are refused."},
		func(ctx context.Context, in *NameInput) (*body[Applied], error) {
			applied, err := s.newDeviceSecret(ctx, in.Name)
			return &body[Applied]{applied}, err
		})
}

func (s *Server) newDeviceSecret(ctx context.Context, name string) (Applied, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	object, err := s.object(store.ObjectDevice, name)
	if err != nil {
		return Applied{}, err
	}
	device := object.(*store.Device)
	secret := newDeviceSecret()
	device.Password = store.Literal(secret)
	if _, err := s.commit(ctx, "new secret of device "+device.Name, &store.Changes{PutObjects: []store.Object{device}}); err != nil {
		return Applied{}, err
	}
	return Applied{Effect: store.Updated.String(), Kind: Kind(store.ObjectDevice), Name: device.Name, Password: secret}, nil
}

// NewDeviceSecret gives a device a new secret, which the answer holds this once.
func (c *Client) NewDeviceSecret(ctx context.Context, name string) (*Applied, error) {
	out := new(Applied)
	return out, c.do(ctx, http.MethodPost, "/devices/"+url.PathEscape(name)+"/secret", nil, nil, out)
}
