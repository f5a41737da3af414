package trace

import (
	"crypto/tls"

	"github.com/dialtree/dialtree/authproxy/ldapserver"
	"github.com/dialtree/dialtree/refusals"
)

// Watch tells what becomes of connections, to those who follow the client's address or have been told of the connection.
func (h *Hub) Watch(c *ldapserver.Conn, e ldapserver.Event) {
	p := h.followers.Load()
	if p == nil {
		return
	}
	var out Event
	for _, f := range *p {
		follows := f.target.All || f.target.has(c.RemoteAddr().Addr())
		if !follows && !f.knows(c.ID()) {
			continue
		}
		if e.Kind != ldapserver.Ended && !f.room() {
			continue
		}
		switch {
		case e.Kind == ldapserver.Opened:
			f.meet(c.ID())
		case e.Kind == ldapserver.Ended:
			if !f.part(c.ID()) {
				continue
			}
		case e.Kind != ldapserver.Refused:
			f.introduce(c)
		}
		if out.Kind == "" {
			out = watched(c, &e)
		}
		f.tell(out)
	}
}

// introduce tells a follower of a connection that he has not been told of.
func (f *Follower) introduce(c *ldapserver.Conn) {
	if f.meet(c.ID()) {
		f.tell(event(c, "connection", "open", connection(c)...))
	}
}

// watched puts what the server did into words.
func watched(c *ldapserver.Conn, e *ldapserver.Event) Event {
	switch e.Kind {
	case ldapserver.Refused:
		return event(c, "connection", "refused", reason(e.Err)...)
	case ldapserver.Opened:
		return event(c, "connection", "opened", connection(c)...)
	case ldapserver.Secured:
		return event(c, "connection", "tls", secured(c)...)
	case ldapserver.Failed:
		return event(c, "connection", "failed", reason(e.Err)...)
	case ldapserver.Malformed:
		return event(c, "malformed", "message", append(reason(e.Err), Attr{"bytes", Dump(e.Raw)})...)
	case ldapserver.Served:
		what, attrs := Words(e.Message)
		out := event(c, "request", what, attrs...)
		out.Message = e.Message.ID
		if what != "abandon" && what != "unbind" { // which have no answer
			out.Attrs = append(out.Attrs, result(e.Code, e.Text)...)
		}
		return out
	}
	return event(c, "ended", "connection", reason(e.Err)...)
}

func reason(err error) []Attr {
	if err == nil {
		return nil
	}
	text := err.Error()
	if text == "EOF" {
		text = "the client closed it"
	}
	return []Attr{{"reason", refusals.Shown(text)}}
}

// connection describes a connection: where it came in, by which balancer, under which TLS.
func connection(c *ldapserver.Conn) []Attr {
	attrs := []Attr{{"listener", c.LocalAddr().String()}}
	if peer := c.PeerAddr().String(); peer != c.RemoteAddr().String() && c.RemoteAddr().IsValid() {
		attrs = append(attrs, Attr{"proxy", peer})
	}
	return append(attrs, secured(c)...)
}

func secured(c *ldapserver.Conn) []Attr {
	state, ok := c.TLSState()
	if !ok {
		return nil
	}
	attrs := []Attr{{"tls", tls.VersionName(state.Version)}, {"cipher", tls.CipherSuiteName(state.CipherSuite)}}
	if state.ServerName != "" {
		attrs = append(attrs, Attr{"server_name", refusals.Shown(state.ServerName)})
	}
	return attrs
}
