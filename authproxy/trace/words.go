package trace

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/refusals"
)

// maxText bounds one value of an event, in bytes.
const maxText = 1000

// Words returns the name of the operation that a request asks for, and what it asks, in words and without a secret.
func Words(m *ldapwire.Message) (what string, attrs []Attr) {
	switch m.Op {
	case ldapwire.OpBindRequest:
		what, attrs = "bind", bindWords(&m.Bind)
	case ldapwire.OpUnbindRequest:
		what = "unbind"
	case ldapwire.OpSearchRequest:
		what, attrs = "search", searchWords(&m.Search)
	case ldapwire.OpCompareRequest:
		what, attrs = "compare", compareWords(&m.Compare)
	case ldapwire.OpModifyRequest:
		what, attrs = "modify", []Attr{{"entry", dn(m.Modify.Object)}, {"attributes", changed(m.Modify.Changes)}}
	case ldapwire.OpAddRequest:
		what, attrs = "add", []Attr{{"entry", dn(m.Add.Entry)}, {"attributes", added(m.Add.Attributes)}}
	case ldapwire.OpDelRequest:
		what, attrs = "delete", []Attr{{"entry", dn(m.Del)}}
	case ldapwire.OpModifyDNRequest:
		what, attrs = "moddn", []Attr{{"entry", dn(m.ModifyDN.Entry)}, {"new_name", dn(m.ModifyDN.NewRDN)}}
	case ldapwire.OpAbandonRequest:
		what, attrs = "abandon", []Attr{{"request", strconv.Itoa(int(m.Abandon))}}
	case ldapwire.OpExtendedRequest:
		what, attrs = extendedWords(&m.Extended)
	default:
		what = "operation " + strconv.Itoa(int(m.Op))
	}
	if len(m.Controls) > 0 {
		attrs = append(attrs, Attr{"controls", controlWords(m.Controls)})
	}
	return what, attrs
}

// bindWords says who wants in and how. Of the password it says no more than whether there is one.
func bindWords(b *ldapwire.BindRequest) []Attr {
	attrs := []Attr{{"name", name(b.Name)}}
	switch {
	case b.Choice != 0:
		attrs = append(attrs, Attr{"method", "authentication choice " + strconv.Itoa(int(b.Choice)) + ", which is none of LDAP's"})
	case b.SASL:
		mechanism := "SASL " + text(b.Mechanism)
		if strings.EqualFold(string(b.Mechanism), "PLAIN") {
			attrs[0].Value = plainName(b.Credentials)
		}
		attrs = append(attrs, Attr{"method", mechanism}, Attr{"credentials", given(b.Credentials)})
	default:
		attrs = append(attrs, Attr{"form", form(b.Name)}, Attr{"method", "simple"}, Attr{"password", given(b.Password)})
	}
	if b.Version != 3 {
		attrs = append(attrs, Attr{"version", strconv.Itoa(int(b.Version))})
	}
	return attrs
}

// plainName is the authentication identity of SASL PLAIN (RFC 4616). Of what does not have its two NULs, nothing can be shown: the name
// may be the password.
func plainName(credentials []byte) string {
	parts := bytes.Split(credentials, []byte{0})
	if len(parts) != 3 {
		return "(the credentials are not those of PLAIN)"
	}
	return name(parts[1])
}

// form says in which of the forms of a bind name a name is.
func form(name []byte) string {
	switch {
	case len(name) == 0:
		return "anonymous"
	case bytes.IndexByte(name, '=') > 0:
		return "DN"
	case bytes.LastIndexByte(name, '@') > 0:
		return "name@domain"
	case bytes.IndexByte(name, '\\') >= 0:
		return `DOMAIN\name`
	}
	return "login name"
}

func given(secret []byte) string {
	switch {
	case len(secret) == 0:
		return "none"
	case len(bytes.Trim(secret, "\x00")) == 0:
		return "NULs only"
	}
	return hidden
}

func searchWords(s *ldapwire.SearchRequest) []Attr {
	attrs := []Attr{{"base", dn(s.BaseObject)}, {"scope", scope(s.Scope)}, {"filter", filter(&s.Filter)}}
	if len(s.Attributes) > 0 {
		attrs = append(attrs, Attr{"attributes", text(bytes.Join(s.Attributes, []byte(" ")))})
	}
	for _, limit := range []struct {
		name  string
		value int32
	}{{"size_limit", s.SizeLimit}, {"time_limit", s.TimeLimit}} {
		if limit.value > 0 {
			attrs = append(attrs, Attr{limit.name, strconv.Itoa(int(limit.value))})
		}
	}
	if s.TypesOnly {
		attrs = append(attrs, Attr{"types_only", "true"})
	}
	return attrs
}

func scope(s ldapwire.Scope) string {
	switch s {
	case ldapwire.ScopeBaseObject:
		return "base"
	case ldapwire.ScopeSingleLevel:
		return "one"
	case ldapwire.ScopeWholeSubtree:
		return "sub"
	case ldapwire.ScopeSubordinate:
		return "children"
	}
	return strconv.Itoa(int(s))
}

func compareWords(c *ldapwire.CompareRequest) []Attr {
	value := text(c.Value)
	if secretAttribute(c.Attribute) {
		value = hidden
	}
	return []Attr{{"entry", dn(c.Entry)}, {"attribute", text(c.Attribute)}, {"value", value}}
}

// changed names the attributes of a modification. Their values do not matter: nothing is changed over LDAP.
func changed(changes []ldapwire.Change) string {
	var out []string
	for i := range changes {
		out = append(out, text(changes[i].Attribute.Type))
	}
	return bounded(strings.Join(out, " "))
}

func added(attributes []ldapwire.Attribute) string {
	var out []string
	for i := range attributes {
		out = append(out, text(attributes[i].Type))
	}
	return bounded(strings.Join(out, " "))
}

func extendedWords(x *ldapwire.ExtendedRequest) (string, []Attr) {
	switch oid := string(x.Name); oid {
	case "1.3.6.1.4.1.1466.20037":
		return "starttls", nil
	case "1.3.6.1.1.8":
		return "cancel", nil
	case "1.3.6.1.4.1.4203.1.11.3":
		return "whoami", nil
	case "1.3.6.1.4.1.4203.1.11.1":
		var p ldapwire.PasswordModify
		if p.Decode(x.Value) != nil {
			return "password modify", []Attr{{"value", "it cannot be decoded"}}
		}
		attrs := []Attr{{"old_password", given(p.OldPassword)}, {"new_password", given(p.NewPassword)}}
		if p.UserIdentity != nil {
			attrs = append(attrs, Attr{"identity", name(p.UserIdentity)})
		}
		return "password modify", attrs
	default:
		return "extended", []Attr{{"oid", text(x.Name)}, {"value", strconv.Itoa(len(x.Value)) + " bytes"}}
	}
}

// controlWords names controls; an exclamation mark follows the critical ones.
func controlWords(controls []ldapwire.Control) string {
	var out []string
	for i := range controls {
		c := &controls[i]
		word := controlName(string(c.OID))
		var paged ldapwire.PagedResults
		if word == "pagedResults" && paged.Decode(c.Value) == nil {
			word += "(" + strconv.Itoa(int(paged.Size)) + ")"
		}
		if c.Critical {
			word += "!"
		}
		out = append(out, word)
	}
	return bounded(strings.Join(out, " "))
}

func controlName(oid string) string {
	switch oid {
	case "1.2.840.113556.1.4.319":
		return "pagedResults"
	case "1.2.840.113556.1.4.473":
		return "sort"
	case "2.16.840.1.113730.3.4.9":
		return "virtualListView"
	case "1.3.6.1.4.1.4203.1.10.1":
		return "subentries"
	case "2.16.840.1.113730.3.4.2":
		return "manageDsaIT"
	case "1.3.6.1.4.1.42.2.27.8.5.1":
		return "passwordPolicy"
	case "2.16.840.1.113730.3.4.18":
		return "proxiedAuthorization"
	case "1.3.6.1.1.12":
		return "assertion"
	case "1.3.6.1.1.13.1":
		return "preRead"
	case "1.3.6.1.1.13.2":
		return "postRead"
	case "2.16.840.1.113730.3.4.3":
		return "persistentSearch"
	case "1.3.6.1.4.1.4203.1.9.1.1":
		return "syncRequest"
	case "1.2.840.113556.1.4.801":
		return "sdFlags"
	case "1.2.840.113556.1.4.1339":
		return "domainScope"
	}
	return text([]byte(oid))
}

// text shows what a client sent in one bounded line.
func text(b []byte) string { return bounded(refusals.Shown(string(b[:min(len(b), maxText)]))) }

func bounded(s string) string {
	if len(s) > maxText {
		return strings.ToValidUTF8(s[:maxText], "") + "…"
	}
	return s
}
