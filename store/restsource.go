package store

import "time"

// A RESTSource is a JSON list behind a URL, such as the contacts of another PBX.
type RESTSource struct {
	URL      string   `yaml:"url,omitempty" json:"url,omitempty"`           // of the first page: http:// or https://
	Username string   `yaml:"username,omitempty" json:"username,omitempty"` // basic authentication
	Password Secret   `yaml:"password,omitempty" json:"password,omitzero"`
	Token    Secret   `yaml:"token,omitempty" json:"token,omitzero"`  // a bearer token, instead of username and password
	List     string   `yaml:"list,omitempty" json:"list,omitempty"`   // JSON pointer (RFC 6901) to the list; empty: the answer is the list
	Total    string   `yaml:"total,omitempty" json:"total,omitempty"` // JSON pointer to the number of records on all pages
	Next     string   `yaml:"next,omitempty" json:"next,omitempty"`   // how the next page is found: link, a JSON pointer, or ?page={page}
	TLS      TLS      `yaml:"tls,omitempty" json:"tls,omitzero"`
	Timeout  Duration `yaml:"timeout,omitempty" json:"timeout,omitzero"` // how long nothing may come; default 30s
}

func (s *RESTSource) validate() error {
	const at = "source.rest"
	if s.URL == "" {
		return fieldErrorf(at+".url", "is missing: write where the list is, such as https://pbx.example.com/api/contacts")
	}
	if s.Username != "" && s.Password.IsZero() {
		return fieldErrorf(at+".password", "is missing beside username")
	}
	place := Remote{URL: s.URL, Username: s.Username, Password: s.Password, Token: s.Token, TLS: s.TLS}
	return firstError(
		place.validateURL(at),
		validateText(at+".list", s.List),
		validateText(at+".total", s.Total),
		validateText(at+".next", s.Next),
		validateDuration(at+".timeout", s.Timeout, time.Second, 10*time.Minute),
	)
}
