package authproxy

import (
	"errors"
	"io"

	"github.com/dialtree/dialtree/authproxy/ldapserver"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/refusals"
)

// Refusals takes note of what is refused. Add is called on the goroutines that serve, many at once, and must not wait.
type Refusals interface{ Add(refusals.Refusal) }

// doorOf is the door of a connection.
func doorOf(c *ldapserver.Conn) string {
	if c.TLS() {
		return refusals.LDAPS
	}
	return refusals.LDAP
}

// refuse answers a bind that is no attempt at a login.
func (f *Front) refuse(w *ldapserver.ResponseWriter, r *ldapserver.Request, name []byte, code ldapwire.ResultCode, outcome, reason, text string) {
	f.noteRefusal(refusals.Refusal{Door: doorOf(r.Conn), Name: string(name[:min(len(name), maxShownName)]), From: r.Conn.RemoteAddr().Addr(),
		Outcome: outcome, Code: int(code), Reason: reason})
	w.Result(code, "", text)
}

func (f *Front) noteRefusal(r refusals.Refusal) {
	if f.refusals != nil {
		f.refusals.Add(r)
	}
}

// refusedRequest takes note of a request other than a bind that was refused. Logins have told of themselves.
func (f *Front) refusedRequest(w *ldapserver.ResponseWriter, r *ldapserver.Request) {
	code, _ := w.Sent()
	if outcome := refusedOutcome(code); outcome != "" && r.Message.Op != ldapwire.OpBindRequest {
		f.refusedByCode(r.Conn, code, outcome, w.Diagnostic())
	}
}

func (f *Front) refusedByCode(c *ldapserver.Conn, code ldapwire.ResultCode, outcome, text string) {
	name := ""
	if who := reader(c); who != nil {
		name = who.User + who.Device // one of the two is empty
	}
	f.noteRefusal(refusals.Refusal{Door: doorOf(c), Name: name, Known: name != "", From: c.RemoteAddr().Addr(), Outcome: outcome, Code: int(code), Reason: text})
}

// refusedOutcome is the class of a result code that refuses a request; empty for one that does not, and for those of logins.
func refusedOutcome(code ldapwire.ResultCode) string {
	switch code {
	case ldapwire.InsufficientAccessRights, ldapwire.StrongerAuthRequired, ldapwire.ConstraintViolation:
		return "forbidden"
	case ldapwire.ConfidentialityRequired:
		return "tls_required"
	case ldapwire.UnwillingToPerform, ldapwire.UnavailableCriticalExtension, ldapwire.AuthMethodNotSupported:
		return "not_offered"
	case ldapwire.ProtocolError, ldapwire.OperationsError:
		return "protocol"
	}
	return ""
}

// Watch takes note of connections that were refused and of what could not be understood, and tells those who follow.
func (f *Front) Watch(c *ldapserver.Conn, e ldapserver.Event) {
	if !f.traces.Idle() {
		f.traces.Watch(c, e)
	}
	switch e.Kind {
	case ldapserver.Refused:
		f.refusedConnection(c, "limit", ldapwire.Busy, e.Err)
	case ldapserver.Failed:
		if !errors.Is(e.Err, io.EOF) { // a health check, or a client that thought better of it
			f.refusedConnection(c, "handshake", 0, e.Err)
		}
	case ldapserver.Malformed:
		f.refusedConnection(c, "malformed", ldapwire.ProtocolError, e.Err)
	case ldapserver.Served:
		switch outcome := refusedOutcome(e.Code); {
		case outcome != "":
			f.refusedByCode(c, e.Code, outcome, e.Text)
		case e.Code == ldapwire.Busy:
			f.refusedByCode(c, e.Code, "limit", e.Text)
		}
	}
}

func (f *Front) refusedConnection(c *ldapserver.Conn, outcome string, code ldapwire.ResultCode, err error) {
	f.noteRefusal(refusals.Refusal{Door: doorOf(c), From: c.RemoteAddr().Addr(), Outcome: outcome, Code: int(code), Reason: err.Error()})
}
