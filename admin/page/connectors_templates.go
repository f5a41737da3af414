package page

import (
	"cmp"
	"slices"

	"github.com/dialtree/dialtree/admin"
)

// templateWords say what a template is for.
type templateWords struct {
	Title, Help text
	Icon        string
}

// templateTexts are the words of the templates by name.
var templateTexts = map[string]templateWords{
	"ad-users":        {text("Users from Active Directory"), text("The enabled accounts of a domain. They can log in with their passwords of the domain."), "users"},
	"ad-phonebook":    {text("A phonebook from Active Directory"), text("The people and contacts of a domain that have a number."), "phonebook"},
	"ad-speeddials":   {text("Speed dials from Active Directory"), text("The people and contacts of a domain that have a short code in ipPhone and a number."), "dialpad"},
	"ucs-users":       {text("Users from UCS"), text("The users of a Univention Corporate Server domain. They can log in with their passwords of the domain."), "users"},
	"ldap-users":      {text("Users from an LDAP directory"), text("The people of OpenLDAP, 389 Directory Server or another one. They can log in with their passwords there."), "users"},
	"ldap-phonebook":  {text("A phonebook from an LDAP directory"), text("The people of OpenLDAP, 389 Directory Server or another one that have a number."), "phonebook"},
	"ldap-speeddials": {text("Speed dials from an LDAP directory"), text("The entries that have a short code in employeeNumber and a number; so has the ou=speeddials of another Dialtree."), "dialpad"},
	"csv-users":       {text("Users from a file"), text("CSV or Excel, one row per user. Every column that is named like a field fills that field."), "users"},
	"csv-phonebook":   {text("A phonebook from a file"), text("CSV or Excel, one row per contact. Every column that is named like a field fills that field."), "phonebook"},
	"csv-speeddials":  {text("Speed dials from a file"), text("CSV or Excel, one row per speed dial. Every column that is named like a field fills that field."), "dialpad"},
	"pbx-phonebook":   {text("A phonebook from another PBX"), text("Another Dialtree's phonebook, or any list of contacts that a server gives as JSON over HTTP."), "phonebook"},
}

// wordsOf returns the words of a template, its own where there are none here.
func wordsOf(t admin.Template) templateWords {
	if words, ok := templateTexts[t.Name]; ok {
		return words
	}
	return templateWords{text(t.Title), text(t.Help), "connectors"}
}

// A templateGroup is the templates of one kind of source.
type templateGroup struct {
	Title     text
	Templates []templateCard
}

// A templateCard is a template to choose.
type templateCard struct {
	Name  string
	Words templateWords
}

// templateGroups sorts templates by where records come from, then by what becomes of them.
func templateGroups(all []admin.Template) []templateGroup {
	groups := []templateGroup{
		{Title: text("From Windows and UCS domains")}, {Title: text("From a file: CSV or Excel")},
		{Title: text("From an LDAP directory")}, {Title: text("From another telephone system")},
	}
	of := map[string]int{"ad": 0, "ucs": 0, "csv": 1, "ldap": 2}
	order := []string{"users", "phonebook", "speeddials"}
	sorted := slices.SortedStableFunc(slices.Values(all), func(a, b admin.Template) int {
		return cmp.Compare(slices.Index(order, a.Target), slices.Index(order, b.Target))
	})
	for _, t := range sorted {
		i, ok := of[t.Source]
		if !ok {
			i = len(groups) - 1
		}
		groups[i].Templates = append(groups[i].Templates, templateCard{t.Name, wordsOf(t)})
	}
	return groups
}

func (r *request) connectorTemplates() error {
	all, err := r.page.api.Templates(r.Context())
	if err != nil {
		return err
	}
	return r.show("connector-new", text("Add a connector"), templateGroups(all))
}
