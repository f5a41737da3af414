//go:build e2e

package e2e_test

import (
	"fmt"
	"testing"

	"github.com/dialtree/dialtree/e2e/browser"
	"github.com/dialtree/dialtree/e2e/fixture"
)

// The account by which the connector of the story reads the domain.
const readerPassword = "right-bob"

// Somebody who was never here sets the product up in the browser, against a real domain and a real directory, and
// needs nothing else.
func TestAdministratorsStory(t *testing.T) {
	ad := samba(t)
	openldap := slapd(t, fixture.User{UID: "alice", Password: "right-in-openldap"})
	d := openPage(t)
	p := atBrowser(t, d, browser.View{})

	// The first sign-in.
	p.visits(firstLink(t, d))
	p.fills("Name", adminName)
	p.fills("Password", adminPassword)
	p.fills("The same again", adminPassword)
	p.clicks("Set the password and sign in")
	p.reads("Overview")
	p.complains()

	addConnector(t, p, ad)
	simulateAndImport(t, p)
	addUpstream(t, p, openldap)
	changeLogin(p)
	tryLogins(t, p, d)
	undoImport(p)
	addDevice(p)

	p.clicks(adminName)
	p.clicks("Sign out")
	p.reads("Sign in to Dialtree")
	p.visits("/users")
	p.reads("Sign in to Dialtree")
	p.complains()
}

// addConnector adds a connector from its template, looks at the source, and saves it.
func addConnector(t *testing.T, p *person, ad *fixture.Samba) {
	a := must[*fixture.Authority](t)(authority())
	p.clicks("Connectors")
	p.clicks("Add a connector")
	p.clicks("Users from Active Directory")
	p.fills("Name", "staff")
	p.fills("Domain", fixture.SambaRealm)
	p.fills("Server", ad.Host)
	p.fills("Account", "bob")
	p.fills("Password of the account", "wrong")
	p.fills("Certificate of the authority", a.File)
	p.clicks("Test connection")
	p.reads("invalid")
	p.fills("Password of the account", readerPassword)
	p.clicks("Test connection")
	p.reads("The source answers", "sAMAccountName")
	p.fills("displayname", `"Desk of " + sAMAccountName`)
	p.reads("= Desk of")
	p.complains(readerPassword)
	p.clicks("Save the connector")
	p.reads("staff", "It has not run yet")
	p.complains(readerPassword)
}

// simulateAndImport looks at what an import would do, and then does it.
func simulateAndImport(t *testing.T, p *person) {
	p.clicks("Simulate")
	p.reads("This is what an import would do", "Every change", "displayname")
	p.complains(readerPassword)
	p.clicks("Import exactly this")
	p.reads("The import is done")
	p.complains(readerPassword)
	p.clicks("In the history")
	p.reads("Run staff-", "Every change")
	p.complains(readerPassword)
}

// addUpstream connects a second directory.
func addUpstream(t *testing.T, p *person, s *fixture.Slapd) {
	p.clicks("Authentication")
	p.clicks("Add a directory")
	p.fills("Name", "openldap")
	p.fills("Servers, one a line", "ldap://"+s.Address)
	p.fills("Template", "uid=%,"+fixture.SlapdPeople)
	p.reads("uid=alice," + fixture.SlapdPeople)
	p.clicks("Save")
	p.reads("openldap")
	p.complains()
}

// changeLogin gives a user another way to log in.
func changeLogin(p *person) {
	p.clicks("Users")
	p.fills("Search", "alice")
	p.reads("1 user")
	p.clicks("alice")
	p.reads("From connector staff")
	p.chooses("Who checks the password", "Directory openldap")
	p.clicks("Change")
	p.reads("changed here")
	p.complains()
}

// tryLogins tests a login that is right and one that is wrong, as the page does and as a phone would.
func tryLogins(t *testing.T, p *person, d *fixture.Dialtree) {
	for _, try := range []struct{ password, says string }{{"right-in-openldap", "The login works"}, {"wrong-in-openldap", "Wrong password"}} {
		p.clicks("Authentication")
		p.clicks("Test a login")
		p.fills("Login name", "alice")
		p.fills("Password", try.password)
		p.clicks("Test")
		p.reads(try.says, "uid=alice,"+fixture.SlapdPeople)
		p.complains(try.password)
	}
	for password, want := range map[string]int{"right-in-openldap": 0, "right-alice": 49} {
		if r := bind(t, d, plain, "alice", password); r.Code != want {
			t.Errorf("alice with %q: result %d, want %d", password, r.Code, want)
		}
	}
}

// undoImport puts the import back.
func undoImport(p *person) {
	p.clicks("Connectors")
	p.clicks("staff")
	p.clicks("Whole history")
	p.reads("History of staff")
	address := must[string](p.t)(p.page.URL())
	p.visits(fmt.Sprintf("%s/staff-1/undo", address[len(p.base):]))
	p.reads("Undo the run")
	p.clicks("Undo the run")
	p.reads("The run was undone")
	p.complains()
	p.clicks("Users")
	p.complains()
}

// addDevice makes an account for phones and finds what to paste into one.
func addDevice(p *person) {
	p.clicks("Phones")
	p.clicks("Add a device")
	p.fills("Name", "reception")
	p.clicks("Add the device")
	p.reads("It is shown this once")
	p.clicks("Settings for a phone")
	p.clicks("Yealink")
	p.reads("Settings to paste", "cn=reception")
	p.complains()
}
