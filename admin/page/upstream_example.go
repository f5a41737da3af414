package page

import (
	"encoding/json"
	"strings"
)

// exampleData shows what a login becomes, and forms to choose from.
type exampleData struct {
	Login   string
	Name    string // what the login becomes; empty while there is nothing to put it into
	Search  bool   // Name is a filter that is searched for
	Base    string
	Warning text
	Forms   []nameForm
}

// A nameForm is a way in which a kind of directory knows people.
type nameForm struct {
	Kind text
	Form string
	Fill string // what choosing it puts into inputs: a JSON object by their ID
}

// example answers with what a login becomes, as the form is typed.
func (r *request) example() error {
	s := upstreamSearch{Base: r.PostFormValue("search_base"), Filter: r.PostFormValue("search_filter")}
	e := examples(r.PostFormValue("domain"), r.PostFormValue("mode"), r.PostFormValue("bind_dn"), s)
	return r.fragment("upstream", "example", e)
}

func examples(domain, mode, template string, s upstreamSearch) exampleData {
	e := exampleData{Login: exampleLogin, Search: mode == bySearch, Base: s.Base, Forms: nameForms(domain)}
	if e.Search {
		template = s.Filter
	}
	switch template = strings.TrimSpace(template); {
	case template == "":
	case strings.Count(template, "%") != 1:
		e.Warning = text("It must hold exactly one %, in the place of the login name.")
	case e.Search && !(strings.HasPrefix(template, "(") && strings.HasSuffix(template, ")")):
		e.Warning = text("A filter stands in parentheses.")
	case !e.Search && !strings.Contains(template, "=") && !strings.HasPrefix(template, "%@") && !strings.HasSuffix(template, `\%`):
		e.Warning = text("It is neither a DN such as uid=%,ou=people,dc=example,dc=com, nor %@example.com, nor EXAMPLE\\%.")
	default:
		e.Name = exampleOf(template)
	}
	return e
}

// nameForms are the forms of names in a domain; none without a domain.
func nameForms(domain string) []nameForm {
	domain = strings.Trim(strings.ToLower(strings.TrimSpace(domain)), ".")
	if domain == "" || strings.ContainsAny(domain, " ,=\\@%()*/:") {
		return nil
	}
	base := "dc=" + strings.ReplaceAll(domain, ".", ",dc=")
	short, _, _ := strings.Cut(domain, ".")
	return []nameForm{
		forTemplate(text("Active Directory, by user principal name"), "%@"+domain),
		forTemplate(text("Active Directory, by the short domain name"), strings.ToUpper(short)+`\%`),
		forTemplate(text("OpenLDAP and 389 Directory Server"), "uid=%,ou=people,"+base),
		forTemplate(text("Univention (UCS)"), "uid=%,cn=users,"+base),
		forSearch(text("Active Directory, found by a search"), base, "(sAMAccountName=%)"),
		forSearch(text("Any other directory, found by a search"), base, "(uid=%)"),
	}
}

func forTemplate(kind text, form string) nameForm {
	return nameForm{kind, form, filling(map[string]string{"mode-template": "true", "f-bind_dn": form})}
}

func forSearch(kind text, base, filter string) nameForm {
	return nameForm{kind, filter, filling(map[string]string{"mode-search": "true", "f-search_base": base, "f-search_filter": filter})}
}

func filling(values map[string]string) string {
	raw, _ := json.Marshal(values) // texts cannot fail
	return string(raw)
}
