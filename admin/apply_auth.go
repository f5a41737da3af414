package admin

import (
	"errors"

	"github.com/dialtree/dialtree/admin/yamldoc"
	"github.com/dialtree/dialtree/store"
)

// setAuth gives a user the login method and the password of its document.
func (p *plan) setAuth(d *yamldoc.Document, e *store.Entry, head entryHead) error {
	if e.Kind != store.KindUser {
		return nil
	}
	if head.Auth != nil {
		auth, err := changedAuth(e.Auth, *head.Auth)
		if err != nil {
			p.field(d, err)
			return nil
		}
		e.Auth = auth
	} else if !head.Password.IsZero() && !head.Password.IsMasked() && e.Auth.Method == store.AuthNone {
		e.Auth.Method = store.AuthInternal
	}
	if head.Password.IsZero() || head.Password.IsMasked() {
		return nil
	}
	if e.Auth.Method != store.AuthInternal {
		p.problem(d, "password", "is not used by the login method "+e.Auth.Method.String()+": remove it, or write `auth: {method: internal}`")
		return nil
	}
	password, err := head.Password.Resolve()
	if err != nil {
		p.problem(d, "password", err.Error())
		return nil
	}
	hash, err := p.server.options.Logins.HashPassword(p.ctx, []byte(password), e.Auth.Hash)
	var fe *store.FieldError
	if errors.As(err, &fe) {
		p.field(d, err)
		return nil
	}
	if err != nil {
		return err
	}
	e.Auth.Hash = hash
	return nil
}

// changedAuth returns a user's login method after a change. A password that was set
// stays while the method is internal; any other method forgets it.
func changedAuth(old store.Auth, in authDocument) (store.Auth, error) {
	method, ok := store.ParseMethod(in.Method)
	if !ok {
		text := "must be upstream, internal or none"
		if in.Method == "" {
			text = "is missing: " + text
		}
		return old, &store.FieldError{Path: "auth.method", Message: text}
	}
	out := store.Auth{Method: method, Upstream: in.Upstream, DN: in.DN, Disabled: in.Disabled}
	switch method {
	case store.AuthUpstream:
		if in.Upstream == "" {
			return old, &store.FieldError{Path: "auth.upstream", Message: "is missing: name the upstream that checks the password, such as `upstream: corp`"}
		}
		if in.DN == "" && old.Method == method && old.Upstream == in.Upstream {
			out.DN = old.DN // as the connector recorded it
		}
	default:
		if in.Upstream != "" {
			return old, &store.FieldError{Path: "auth.upstream", Message: "is not used by the method " + in.Method + ": remove it"}
		}
		if in.DN != "" {
			return old, &store.FieldError{Path: "auth.dn", Message: "is not used by the method " + in.Method + ": remove it"}
		}
	}
	if method == store.AuthInternal {
		out.Hash = old.Hash
	}
	return out, nil
}

// differs tells whether an administrator decided something else than a connector
// did. The DN alone is the connector's business.
func differs(a, b store.Auth) bool {
	a.DN, b.DN = "", ""
	return a != b
}
