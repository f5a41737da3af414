package authproxy

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/dialtree/dialtree/authproxy/ldapserver"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/authproxy/trace"
	"github.com/dialtree/dialtree/refusals"
	"github.com/dialtree/dialtree/store"
)

const (
	oidWhoAmI         = "1.3.6.1.4.1.4203.1.11.3" // RFC 4532
	oidPasswordModify = "1.3.6.1.4.1.4203.1.11.1" // RFC 3062
)

func (f *Front) extended(w *ldapserver.ResponseWriter, r *ldapserver.Request, t *trace.Request) {
	switch string(r.Message.Extended.Name) {
	case oidWhoAmI:
		f.whoAmI(w, r)
	case oidPasswordModify:
		f.passwordModify(w, r, t)
	default:
		// RFC 4511, section 4.12: an unrecognised name is a protocolError.
		w.Result(ldapwire.ProtocolError, "", "this extended operation is not offered")
	}
}

// whoAmI answers with the authorization identity: a DN, or nothing for anonymous.
func (f *Front) whoAmI(w *ldapserver.ResponseWriter, r *ldapserver.Request) {
	id := []byte{}
	if who := reader(r.Conn); who != nil {
		id = []byte("dn:" + who.DN)
	}
	w.Extended(ldapwire.Success, "", "", id)
}

// passwordModify changes the password of the user who asks, where it is kept
// here. The old password has to come with it and is checked like that of a bind:
// a desk phone left alone is bound as somebody.
func (f *Front) passwordModify(w *ldapserver.ResponseWriter, r *ldapserver.Request, t *trace.Request) {
	refuse := func(code ldapwire.ResultCode, text string) { w.Extended(code, text, "", nil) }
	var p ldapwire.PasswordModify
	who := reader(r.Conn)
	switch {
	case p.Decode(r.Message.Extended.Value) != nil:
		refuse(ldapwire.ProtocolError, "the value is no PasswdModifyRequestValue")
		return
	case f.requireTLS && !r.Conn.TLS():
		refuse(ldapwire.ConfidentialityRequired, "passwords are accepted over TLS only: use StartTLS or LDAPS")
		return
	case who == nil || who.UserID == "":
		refuse(ldapwire.StrongerAuthRequired, "bind as the user whose password changes")
		return
	case len(p.UserIdentity) > 0 && !f.means(string(p.UserIdentity), who.User):
		refuse(ldapwire.InsufficientAccessRights, "users change their own password only")
		return
	case len(p.OldPassword) == 0:
		refuse(ldapwire.UnwillingToPerform, "the old password has to be given too")
		return
	}
	user, err := f.store.Entry(store.Ref{Kind: store.KindUser, ID: who.UserID})
	if err != nil {
		f.logger.Error("password change failed", "user", who.User, "error", err)
		refuse(ldapwire.Other, "the user could not be read")
		return
	}
	if user.Auth.Method != store.AuthInternal {
		refuse(ldapwire.UnwillingToPerform, "this password is kept by the company's directory: change it there")
		return
	}
	a := attempt{name: who.User, from: refusals.NetworkOf(r.Conn.RemoteAddr().Addr()), start: f.now(), door: doorOf(r.Conn), trace: t}
	ctx := r.Context()
	f.login(ctx, &a, p.OldPassword)
	f.wait(ctx, &a)
	a.traceOutcome()
	f.audit(r.Conn.RemoteAddr(), &a)
	if a.outcome != Accepted {
		code, text := a.outcome.result()
		refuse(code, text)
		return
	}
	password, generated := string(p.NewPassword), ""
	if p.NewPassword == nil {
		generated = rand.Text()
		password = generated
	}
	if err := CheckNewPassword(password); err != nil {
		refuse(ldapwire.ConstraintViolation, err.Error())
		return
	}
	switch err := f.SetPassword(ctx, who.User, password); {
	case errors.Is(err, errPasswordQueue):
		refuse(ldapwire.Busy, "too many passwords are pending; try again")
	case err != nil:
		f.logger.Error("password change failed", "user", who.User, "error", err)
		refuse(ldapwire.Other, "the password could not be stored")
	case generated != "":
		w.Extended(ldapwire.Success, "", "", ldapwire.AppendGeneratedPassword(nil, generated))
	default:
		w.Extended(ldapwire.Success, "", "", nil)
	}
}

// means tells whether a userIdentity, which may be any form of a bind name, is
// the user of that name.
func (f *Front) means(identity, username string) bool {
	want, _ := store.NormalizeName(username)
	for _, login := range f.names.parse(identity).logins {
		if got, ok := store.NormalizeName(login); ok && got == want {
			return true
		}
	}
	return false
}

// SetPassword makes a password the internal one of a user, who logs in with it
// from now on whatever the method was before. A sync leaves it alone.
func (f *Front) SetPassword(ctx context.Context, username, password string) error {
	hash, err := f.hasher.Hash(ctx, []byte(password))
	if err != nil {
		return err
	}
	for {
		user, err := f.store.User(username)
		if err != nil {
			return err
		}
		user.Auth.Method, user.Auth.Upstream = store.AuthInternal, ""
		user.Auth.Hash = store.Literal(hash)
		user.LocalAuth = true
		_, err = f.store.Apply(ctx, &store.Changes{
			Put:    []store.Entry{user},
			Expect: []store.Expectation{{Ref: store.Ref{Kind: store.KindUser, ID: user.ID}, Seq: user.Seq}},
		})
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}
