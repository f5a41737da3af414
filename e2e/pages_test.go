//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/browser"
	"github.com/dialtree/dialtree/e2e/fixture"
)

// furnished starts the product with a little of everything that pages show.
func furnished(t *testing.T) *fixture.Dialtree {
	t.Helper()
	s := slapd(t, fixture.User{UID: "alice", Password: "right"}, fixture.User{UID: "bob", Password: "right"})
	d := openPage(t)
	// Paths are beside the data, so that a picture shows nothing of the machine.
	staff, customers := "import/staff.csv", "import/customers.csv"
	check(t, os.Mkdir(filepath.Join(d.DataDir, "import"), 0o700))
	check(t, os.WriteFile(filepath.Join(d.DataDir, staff), []byte("username,displayname,phone,email\n"+
		"alice,Alice Ångström,30000,alice@example.com\nbob,Bob Berg,30001,bob@example.com\ncarla,Carla Weiß,30002,carla@example.com\n"), 0o600))
	check(t, os.WriteFile(filepath.Join(d.DataDir, customers), []byte("displayname,phone,organisation,email\nTaxi Berlin,030 202020,Taxi,\nJörg Müller,+49 30 1234567,Müller GmbH,mueller@example.com\n"+
		"Zoë O'Brien,+44 20 7946 0000,O'Brien Ltd,zoe@example.com\nNora Example,+49 171 1234567,Example AG,nora@example.com\nNora Example,+49 171 1234567,Example AG,\nVolt & Watt,089 77 10 0,Volt & Watt KG,service@example.com\n"), 0o600))
	check(t, d.Apply(t.Context(), strings.Join([]string{
		fmt.Sprintf("kind: upstream\nname: corp\nurls: ['ldap://%s']\nbind_dn: 'uid=%%,%s'", s.Address, fixture.SlapdPeople),
		"kind: phonebook\nname: customers\ntitle: Customers\nreaders: [everyone]",
		fmt.Sprintf("kind: connector\nname: staff\ntemplate: csv-users\nsource: {csv: {path: %q}}\nschedule: '0 4 * * *'\nauthentication: {method: upstream, upstream: corp, dn: none}", staff),
		fmt.Sprintf("kind: connector\nname: customers\ntemplate: csv-phonebook\nsource: {csv: {path: %q}}\ntarget: phonebook/customers\nlimits: {rejected: 90%%}", customers),
		"kind: connector\nname: gone\ntemplate: csv-speeddials\nsource: {csv: {path: /srv/import/dials.csv}}",
		"kind: speeddial\nshortcode: '11'\ndisplayname: Help desk\nphone: ['30000']",
		"kind: device\nname: reception\ntitle: Desk phones on the first floor\npassword: " + planted + " of the device",
	}, "\n---\n"), "staff", "customers"))
	command(t, d, 1, "", "connector", "run", "gone")
	signedIn(t, d, viewerName, viewerPassword, "viewer")
	for _, login := range []struct{ name, password string }{{"alice", "right"}, {"alice", "wrong"}, {"bob", "right"}, {"nobody", "wrong"}, {"carla", "wrong"}} {
		bind(t, d, plain, login.name, login.password)
	}
	return d
}

// Nobody is kept from using a page, light or dark, English or German, on a desk or on a phone; and no page
// does what the browser complains about.
func TestEveryPageInTheBrowser(t *testing.T) {
	d := furnished(t)
	ada := signedIn(t, d, adminName, adminPassword, "admin")
	paths := pagesOf(crawl(t, ada), 1)
	if len(paths) < 25 {
		t.Fatalf("links lead to %d pages: %v", len(paths), paths)
	}
	for title, v := range map[string]browser.View{
		"light, English":           {},
		"dark, German, on a phone": {Dark: true, Language: "de", Phone: true, Width: 390, Height: 844},
	} {
		p := atBrowser(t, d, v)
		check(t, p.page.SetCookies(d.AdminURL(), ada.header.Get("Cookie")))
		for _, path := range paths {
			p.visits(path)
			p.complains()
			p.sees(title + ": " + path)
			if text := must[string](t)(p.page.Text()); strings.Contains(text, "Sections") && v.Language == "de" {
				t.Errorf("%s: %s is not German: %s", title, path, text)
			}
		}
	}
	nobody := atBrowser(t, d, browser.View{Dark: true})
	for _, path := range []string{"/sign-in", "/first?code=none", "/nowhere"} {
		nobody.page.Expect(http.StatusNotFound)
		nobody.visits(path)
		nobody.complains()
		nobody.sees(path)
	}
	t.Logf("looked at %d pages twice", len(paths))
}

// pagesOf are the addresses of pages that were found, at most n of a shape.
func pagesOf(found []shown, n int) (paths []string) {
	shapes := map[string]int{}
	for _, page := range found {
		if shape := shapeOf(page.path); page.isPage() && page.status == http.StatusOK && shapes[shape] < n {
			shapes[shape]++
			paths = append(paths, page.path)
		}
	}
	return paths
}

// What is there can be read without a script.
func TestReadingWithoutScript(t *testing.T) {
	d := furnished(t)
	ada := signedIn(t, d, adminName, adminPassword, "admin")
	p := atBrowser(t, d, browser.View{NoScript: true})
	check(t, p.page.SetCookies(d.AdminURL(), ada.header.Get("Cookie")))
	for path, texts := range map[string][]string{
		"/":                           {"Overview", "corp", "customers"},
		"/connectors":                 {"staff", "customers", "gone", "failed"},
		"/connectors/staff":           {"corp", "0 4 * * *", "Last runs"},
		"/connectors/staff/runs":      {"History of staff"},
		"/users":                      {"alice", "Alice Ångström", "3 users"},
		"/users/alice":                {"30000", "From connector staff", "Latest logins"},
		"/authentication":             {"corp", "Latest logins", "nobody"},
		"/phonebooks":                 {"Customers"},
		"/phonebooks/books/customers": {"Taxi Berlin", "Jörg Müller"},
		"/phonebooks/speeddials":      {"Help desk"},
		"/phones":                     {"reception", "Desk phones on the first floor"},
		"/system":                     {"System"},
		"/system/audit":               {"signed in"},
		"/system/refused":             {"nobody"},
		"/system/follow?what=alice":   {"Following alice"},
		"/system/log":                 {"ready"},
	} {
		p.visits(path)
		p.reads(texts...)
		p.complains()
	}
}

const (
	manyContacts = 200_000
	// heaviest is what a page may weigh, without the style, the script and the icon that a browser keeps.
	heaviest = 100 << 10
	// slowest is what a page may take to be made. The machine of a test may have other work: it is
	// let off with four times as much.
	slowest = 100 * time.Millisecond
)

// Pages are light and made at once, also beside many contacts.
func TestPagesBesideManyContacts(t *testing.T) {
	d := furnished(t)
	file := filepath.Join(t.TempDir(), "many.csv")
	var b strings.Builder
	b.WriteString("displayname,phone,organisation,email\n")
	for i := range manyContacts {
		fmt.Fprintf(&b, "Contact %06d,+49 30 %07d,Company %d,contact%d@example.com\n", i, i, i%5000, i)
	}
	check(t, os.WriteFile(file, []byte(b.String()), 0o600))
	check(t, d.Apply(t.Context(), "kind: phonebook\nname: many\nreaders: [everyone]\n---\n"+
		fmt.Sprintf("kind: connector\nname: many\ntemplate: csv-phonebook\nsource: {csv: {path: %q}}\ntarget: phonebook/many\n", file), "many"))
	ada := signedIn(t, d, adminName, adminPassword, "admin")
	paths := append(pagesOf(crawl(t, ada), 1),
		"/phonebooks/books/many", "/phonebooks/books/many?q=contact+1234", "/phonebooks/books/many?q=030+0123456", "/phonebooks/lookup?text=1234567", "/phonebooks/lookup?text=contact", "/phonebooks/books/many/duplicates")
	worst, heavy := measured{}, measured{}
	for _, path := range paths {
		m := measure(t, ada, path)
		if m.took > worst.took {
			worst = m
		}
		if m.bytes > heavy.bytes {
			heavy = m
		}
		limit := heaviest
		if path == "/api/v1/docs" {
			limit = 3 * heaviest // all of the API on one page, for who writes programs
		}
		if m.bytes > limit {
			t.Errorf("%s: %d bytes", path, m.bytes)
		}
		if m.took > 4*slowest {
			t.Errorf("%s: made in %v", path, m.took)
		}
		t.Logf("%-60s %8v %6d bytes", path, m.took.Round(100*time.Microsecond), m.bytes)
	}
	t.Logf("%d pages beside %d contacts: the slowest was made in %v (%s), the heaviest has %d bytes (%s)",
		len(paths), manyContacts, worst.took.Round(100*time.Microsecond), worst.path, heavy.bytes, heavy.path)
}

// A measured page is one that was asked for several times.
type measured struct {
	path  string
	took  time.Duration // the median
	bytes int
}

func measure(t *testing.T, c caller, path string) measured {
	t.Helper()
	var took []time.Duration
	var a answer
	for range 5 {
		begun := time.Now()
		a = c.ask(t, http.MethodGet, path, nil)
		took = append(took, time.Since(begun))
	}
	if a.status != http.StatusOK {
		t.Errorf("%s: %d", path, a.status)
	}
	slices.Sort(took)
	return measured{path, took[len(took)/2], len(a.body)}
}
