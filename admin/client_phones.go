package admin

import (
	"context"
	"net/http"
	"net/url"

	"github.com/dialtree/dialtree/admin/phonesettings"
)

// PhoneOptions say what a phone's settings are made for.
type PhoneOptions struct {
	Device    string // empty: the first that may log in
	Host      string // empty: an address that the server listens on, or its host name
	Phonebook string // empty: all phonebooks
	Secret    bool   // fill in the device's secret
}

// Phones returns the vendors that settings are known for.
func (c *Client) Phones(ctx context.Context) ([]phonesettings.Vendor, error) {
	var out []phonesettings.Vendor
	err := c.do(ctx, http.MethodGet, "/phones", nil, nil, &out)
	return out, err
}

// PhoneSettings returns what is pasted into a vendor's phone.
func (c *Client) PhoneSettings(ctx context.Context, vendor string, o PhoneOptions) (*phonesettings.Sheet, error) {
	query := given(map[string]string{"device": o.Device, "host": o.Host, "phonebook": o.Phonebook})
	if o.Secret {
		query.Set("secret", "true")
	}
	out := new(phonesettings.Sheet)
	return out, c.do(ctx, http.MethodGet, "/phones/"+url.PathEscape(vendor), query, nil, out)
}
