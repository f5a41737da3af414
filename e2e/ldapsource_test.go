//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// counts are those of a run.
type counts struct{ Created, Updated, Removed, Unchanged, Rejected int }

// outcome is what a run is as JSON.
type outcome struct {
	counts
	Result, Error string
}

// runConnector runs a connector and returns what it did.
func runConnector(t *testing.T, d *fixture.Dialtree, name string, args ...string) outcome {
	t.Helper()
	begin := time.Now()
	out := must[fixture.Output](t)(d.Command(t.Context(), "", append([]string{"connector", "run", name, "-o", "json"}, args...)...))
	var report struct{ Run outcome }
	if err := json.Unmarshal([]byte(out.Stdout), &report); err != nil {
		t.Fatalf("connector run %s: exit code %d\n%s%s", name, out.Code, out.Stdout, out.Stderr)
	}
	t.Logf("connector run %s took %s: %+v", name, time.Since(begin).Round(time.Millisecond), report.Run)
	return report.Run
}

// done runs a connector that succeeds.
func done(t *testing.T, d *fixture.Dialtree, name string, want counts) {
	t.Helper()
	if got := runConnector(t, d, name); got.Result != "done" || got.counts != want {
		t.Fatalf("connector %s: %+v, want %+v", name, got, want)
	}
}

// staffPerOU times three are the people of the domain, 2,000 with a few who come later.
const staffPerOU = 666

var staffOUs = []string{"Berlin", "Munich", "Paris"}

func ouDN(name string) string { return "OU=" + name + "," + fixture.SambaBase }

func staffDN(ou string, i int) string { return fmt.Sprintf("CN=Staff %s %d,%s", ou, i, ouDN(ou)) }

func groupDN(name string) string { return "CN=" + name + "," + ouDN("Groups") }

// populate fills the domain: three OUs of people, each with a group of its own; the
// groups are in one called Everybody, which is in Company.
func populate(t *testing.T, s *fixture.Samba) {
	t.Helper()
	var b strings.Builder
	add := func(dn, class string, attributes ...string) {
		fmt.Fprintf(&b, "dn: %s\nchangetype: add\nobjectClass: %s\n%s\n\n", dn, class, strings.Join(attributes, "\n"))
	}
	members := func(dns []string) []string {
		var lines []string
		for _, dn := range dns {
			lines = append(lines, "member: "+dn)
		}
		return lines
	}
	add(ouDN("Groups"), "organizationalUnit")
	var teams []string
	for _, ou := range staffOUs {
		add(ouDN(ou), "organizationalUnit")
		var team []string
		for i := range staffPerOU {
			login := fmt.Sprintf("%s.%d", strings.ToLower(ou), i)
			add(staffDN(ou, i), "user", "sAMAccountName: "+login, "userAccountControl: 544", // enabled, without a password
				"displayName: Staff "+login, "givenName: Staff", "sn: "+login, "mail: "+login+"@example.com",
				fmt.Sprintf("telephoneNumber: +49 30 1%04d", i))
			team = append(team, staffDN(ou, i))
		}
		add(groupDN("Team "+ou), "group", members(team)...)
		teams = append(teams, groupDN("Team "+ou))
	}
	add(groupDN("Everybody"), "group", members(teams)...)
	add(groupDN("Company"), "group", members([]string{groupDN("Everybody")})...)
	begin := time.Now()
	check(t, s.Modify(t.Context(), b.String()))
	t.Logf("%d people were added in %s", staffPerOU*len(staffOUs), time.Since(begin).Round(time.Millisecond))
}

// adConnector is a connector that reads as an ordinary user, alice.
func adConnector(t *testing.T, s *fixture.Samba, name string, ous []string, more string) string {
	t.Helper()
	var bases []string
	for _, ou := range ous {
		bases = append(bases, fmt.Sprintf("%q", ouDN(ou)))
	}
	return fmt.Sprintf("---\nkind: connector\nname: %s\ntemplate: ad-users\nsource:\n  ad: {domain: %s, server: %q, username: alice, password: right-alice, "+
		"tls: {ca_file: %q}, base: [%s]%s}\n", name, fixture.SambaRealm, s.Host, must[*fixture.Authority](t)(authority()).File, strings.Join(bases, ", "), more)
}

// What an administrator of a domain does in a week: people are renamed, moved, disabled
// and deleted, and log in with their passwords of the domain.
func TestUsersFromActiveDirectory(t *testing.T) {
	s := samba(t)
	populate(t, s)
	const people = staffPerOU * 3
	d := dialtree(t, options(t), adConnector(t, s, "domain", staffOUs, "")+"authentication: true\n")
	done(t, d, "domain", counts{Created: people})
	done(t, d, "domain", counts{Unchanged: people})
	user := command(t, d, 0, "", "get", "user", "paris.7", "-o", "json").Stdout
	for _, want := range []string{`"Company"`, `"Everybody"`, `"Team Paris"`, staffDN("Paris", 7), `"+49 30 10007"`, `"upstream": "domain"`} {
		if !strings.Contains(user, want) {
			t.Errorf("paris.7 has no %s:\n%s", want, user)
		}
	}

	check(t, s.Modify(t.Context(), fmt.Sprintf(`dn: %s
changetype: modify
replace: sAMAccountName
sAMAccountName: married
-
replace: displayName
displayName: Married Name

dn: %s
changetype: modrdn
newrdn: CN=Moved
deleteoldrdn: 1
newsuperior: %s

dn: CN=Moved,%[3]s
changetype: modify
replace: unicodePwd
unicodePwd:: %[4]s

dn: %[5]s
changetype: modify
replace: userAccountControl
userAccountControl: 546

dn: %[6]s
changetype: delete

`, staffDN("Berlin", 0), staffDN("Berlin", 1), ouDN("Munich"), fixture.UnicodePassword("right-moved"), staffDN("Berlin", 2), staffDN("Berlin", 3))))
	done(t, d, "domain", counts{Updated: 2, Removed: 2, Unchanged: people - 4})
	if out := command(t, d, 0, "", "get", "user", "married", "-o", "json").Stdout; !strings.Contains(out, "Married Name") {
		t.Errorf("who married is\n%s", out)
	}
	if r := bind(t, d, plain, "berlin.1", "right-moved"); r.Code != 0 {
		t.Errorf("bind of the user who moved: result %d %q, want 0", r.Code, r.Diagnostic)
	}
	if r := bind(t, d, plain, "berlin.1", "wrong"); r.Code != 49 {
		t.Errorf("bind with a wrong password: result %d %q, want 49", r.Code, r.Diagnostic)
	}

	// A schedule fetches only what changed since everything was fetched.
	check(t, d.Apply(t.Context(), adConnector(t, s, "changes", staffOUs[2:], ", incremental: true")+
		"schedule: '@every 10s'\nvariables: {username: '\"changes-\" + sAMAccountName'}\n"))
	runConnector(t, d, "changes")
	check(t, s.Modify(t.Context(), fmt.Sprintf("dn: %s\nchangetype: modify\nreplace: title\ntitle: Director\n", staffDN("Paris", 5))))
	awaitChange(t, d, "changes")

	// The domain finds nested members itself, too.
	chain := fmt.Sprintf(`, filter: "(&(objectClass=user)(memberOf:1.2.840.113556.1.4.1941:=%s))"`, groupDN("Company"))
	check(t, d.Apply(t.Context(), adConnector(t, s, "chain", staffOUs[2:], chain)+"mode: update\nvariables: {username: '\"chain-\" + sAMAccountName'}\n"))
	if got := runConnector(t, d, "chain", "--dry-run"); got.Result != "done" || got.Created != staffPerOU {
		t.Errorf("by nested membership: %+v", got)
	}
}

// awaitChange waits for a scheduled run that fetches one entry and updates it.
func awaitChange(t *testing.T, d *fixture.Dialtree, name string) {
	t.Helper()
	var runs []struct {
		outcome
		Fetch struct{ Partial bool }
	}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		out := command(t, d, 0, "", "connector", "history", name, "-o", "json").Stdout
		check(t, json.Unmarshal([]byte(out), &runs))
		for _, r := range runs {
			if r.Result == "done" && r.Fetch.Partial && r.counts == (counts{Updated: 1}) {
				return
			}
		}
	}
	t.Errorf("no run fetched only what changed: %+v", runs)
}

// directoryPeople is how many people a slapd of these tests has.
const directoryPeople = 300

// peopleDirectory is a slapd with people and groups below ou=staff, as OpenLDAP has
// them, and below ou=ucs, as UCS has them. Its user limited gets ten entries at most.
func peopleDirectory(t *testing.T) *fixture.Slapd {
	t.Helper()
	a := must[*fixture.Authority](t)(authority())
	cert := must[fixture.Certificate](t)(a.Issue("people", "127.0.0.1"))
	var b strings.Builder
	add := func(dn string, lines ...string) { fmt.Fprintf(&b, "dn: %s\n%s\n\n", dn, strings.Join(lines, "\n")) }
	for _, ou := range []string{"staff", "groups", "ucs"} {
		add("ou="+ou+","+fixture.SlapdBase, "objectClass: organizationalUnit")
	}
	for i := range directoryPeople {
		attributes := []string{fmt.Sprintf("cn: Person %d", i), fmt.Sprintf("sn: %d", i), fmt.Sprintf("telephoneNumber: +49 30 2%04d", i),
			fmt.Sprintf("userPassword: right-%d", i), "objectClass: inetOrgPerson"}
		add(fmt.Sprintf("uid=p%d,ou=staff,%s", i, fixture.SlapdBase), append(attributes, fmt.Sprintf("mail: p%d@example.com", i), fmt.Sprintf("mail: person.%d@example.com", i))...)
		add(fmt.Sprintf("uid=u%d,ou=ucs,%s", i, fixture.SlapdBase), append(attributes, "objectClass: univentionObject", "univentionObjectType: users/user",
			fmt.Sprintf("mailPrimaryAddress: u%d@example.com", i), "memberOf: cn=Domain Users,ou=ucs,"+fixture.SlapdBase)...)
	}
	add("uid=machine,ou=ucs,"+fixture.SlapdBase, "objectClass: inetOrgPerson", "objectClass: univentionObject", "univentionObjectType: computers/linux", "cn: m", "sn: m")
	add("cn=Domain Users,ou=ucs,"+fixture.SlapdBase, "objectClass: univentionGroup")
	add("cn=sales,ou=groups,"+fixture.SlapdBase, "objectClass: groupOfNames", "member: uid=p7,ou=staff,"+fixture.SlapdBase)
	add("cn=company,ou=groups,"+fixture.SlapdBase, "objectClass: groupOfNames", "member: cn=sales,ou=groups,"+fixture.SlapdBase)
	s := must[*fixture.Slapd](t)(fixture.StartSlapd(t.Context(), fixture.SlapdOptions{
		Dir: t.TempDir(), TLS: &cert, Authority: a, LDIF: b.String(), Schema: ucsSchema,
		Users:    []fixture.User{{UID: "reader", Password: "right-reader"}, {UID: "limited", Password: "right-limited"}},
		Database: fmt.Sprintf("limits dn.exact=%q size=10 size.prtotal=10\n", fixture.SlapdDN("limited")),
	}))
	t.Cleanup(s.Stop)
	return s
}

// ucsSchema is as much of UCS's schema as these tests need; it refers elsewhere for
// whatever is not in the database.
const ucsSchema = `
moduleload memberof
referral ldap://elsewhere.example.com
attributetype ( 1.3.6.1.4.1.10176.1000.1 NAME 'univentionObjectType' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.10176.1000.2 NAME 'mailPrimaryAddress' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
objectclass ( 1.3.6.1.4.1.10176.1000.3 NAME 'univentionObject' SUP top AUXILIARY MAY ( univentionObjectType $ mailPrimaryAddress ) )
objectclass ( 1.3.6.1.4.1.10176.1000.4 NAME 'univentionGroup' SUP top STRUCTURAL MUST cn MAY uniqueMember )
`

// ldapConnector is a connector for the people as OpenLDAP has them; change replaces
// texts in pairs.
func ldapConnector(t *testing.T, s *fixture.Slapd, change ...string) string {
	t.Helper()
	a := must[*fixture.Authority](t)(authority())
	text := fmt.Sprintf("kind: connector\nname: people\ntemplate: ldap-users\nauthentication: true\nsource:\n  ldap: {urls: [ldaps://%s], base: %q, "+
		"bind_dn: %q, password: right-reader, page_size: 100, tls: {ca_file: %q}}\n", s.TLSAddress, "ou=staff,"+fixture.SlapdBase, fixture.SlapdDN("reader"), a.File)
	return strings.NewReplacer(change...).Replace(text)
}

func TestUsersFromOpenLDAP(t *testing.T) {
	s := peopleDirectory(t)
	d := dialtree(t, options(t), ldapConnector(t, s))
	done(t, d, "people", counts{Created: directoryPeople})
	done(t, d, "people", counts{Unchanged: directoryPeople})
	user := command(t, d, 0, "", "get", "user", "p7", "-o", "json").Stdout
	for _, want := range []string{`"company"`, `"sales"`, `"person.7@example.com"`, "uid=p7,ou=staff," + fixture.SlapdBase} {
		if !strings.Contains(user, want) {
			t.Errorf("p7 has no %s:\n%s", want, user)
		}
	}
	if r := bind(t, d, plain, "p7", "right-7"); r.Code != 0 {
		t.Errorf("bind: result %d %q, want 0", r.Code, r.Diagnostic)
	}
}

func TestUsersFromUCS(t *testing.T) {
	s := peopleDirectory(t)
	a := must[*fixture.Authority](t)(authority())
	d := dialtree(t, options(t), fmt.Sprintf("kind: connector\nname: ucs\ntemplate: ucs-users\nauthentication: true\nsource:\n  ucs: {domain: example.com, "+
		"urls: [ldap://%s], bind_dn: %q, password: right-reader, tls: {start_tls: true, ca_file: %q}}\n", s.Address, fixture.SlapdDN("reader"), a.File))
	done(t, d, "ucs", counts{Created: directoryPeople})
	user := command(t, d, 0, "", "get", "user", "u7", "-o", "json").Stdout
	for _, want := range []string{`"Domain Users"`, `"u7@example.com"`} {
		if !strings.Contains(user, want) {
			t.Errorf("u7 has no %s:\n%s", want, user)
		}
	}
	if r := bind(t, d, plain, "u7", "right-7"); r.Code != 0 {
		t.Errorf("bind: result %d %q, want 0", r.Code, r.Diagnostic)
	}
}

// Whatever goes wrong, the users stay, an administrator reads why, the metric shows it,
// and the next run is fine.
func TestDirectoryFailures(t *testing.T) {
	s := peopleDirectory(t)
	cut := cutAfter(t, s.Address, 100_000)
	nobody := must[string](t)(fixture.FreeAddress())
	url := "ldaps://" + s.TLSAddress
	d := dialtree(t, options(t), ldapConnector(t, s))
	done(t, d, "people", counts{Created: directoryPeople})
	before := command(t, d, 0, "", "get", "user", "-o", "yaml").Stdout
	for i, test := range []struct {
		name   string
		change []string
		want   string
	}{
		{"a wrong password", []string{"right-reader", "wrong"}, "check the name and the password"},
		{"a size limit", []string{"uid=reader", "uid=limited", "right-reader", "right-limited"}, "gives this account only a part"},
		{"no such base", []string{`"ou=staff,`, `"ou=none,`}, "there is no such base"},
		{"a referral", []string{`"ou=staff,` + fixture.SlapdBase, `"dc=elsewhere,dc=org`}, "referrals are not followed"},
		{"nothing matches", []string{"page_size: 100", `filter: "(uid=nobody)"`}, "check base and filter"},
		{"nobody listens", []string{url, "ldap://" + nobody}, "cannot connect to the directory"},
		{"a certificate that is not trusted", []string{", tls: {ca_file", ", tls: {server_name: 127.0.0.1}, attributes: [cn] } #"}, "set tls.ca_file"},
		{"cut off in the middle", []string{url, "ldap://" + cut}, "closed the connection during the search below \"ou=staff"},
		{"a mistyped attribute", []string{"authentication: true", "authentication: true\nvariables: {phone: telefonNumber}"}, `is it "telephoneNumber"?`},
	} {
		t.Run(test.name, func(t *testing.T) {
			check(t, d.Apply(t.Context(), ldapConnector(t, s, test.change...)))
			got := runConnector(t, d, "people")
			if got.Result != "failed" || !strings.Contains(got.Error, test.want) || got.counts != (counts{}) {
				t.Errorf("got %+v, want that it failed with %q", got, test.want)
			}
			if after := command(t, d, 0, "", "get", "user", "-o", "yaml").Stdout; after != before {
				t.Error("the users changed")
			}
			if metrics, want := get(t, d, "/metrics", 200), fmt.Sprintf(`dialtree_connector_runs_total{connector="people",result="failed"} %d`, i+1); !strings.Contains(metrics, want) {
				t.Errorf("the metrics have no %s", want)
			}
			check(t, d.Apply(t.Context(), ldapConnector(t, s)))
			done(t, d, "people", counts{Unchanged: directoryPeople})
		})
	}
}

// cutAfter is an address from which a server is reached that ends each connection
// after it has sent so many bytes.
func cutAfter(t *testing.T, target string, bytes int64) string {
	t.Helper()
	ln := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				server, err := net.Dial("tcp", target)
				if err != nil {
					return
				}
				defer server.Close()
				go io.Copy(server, client)
				io.CopyN(client, server, bytes)
			}()
		}
	}()
	return ln.Addr().String()
}
