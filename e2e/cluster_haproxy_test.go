//go:build e2e

package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// balancer is whence HAProxy comes to the nodes.
const balancer = "127.0.0.5"

// The configuration of HAProxy in docs/cluster.md does what is said of it there, before two nodes.
func behindHAProxy(t *testing.T) {
	a := must[*fixture.Authority](t)(authority())
	o := nodesOptions(t)
	cert := must[fixture.Certificate](t)(a.Issue(anotherName("balanced"), "127.0.0.1"))
	o.Dialtree.TLS, o.Dialtree.AdminTLS, o.Dialtree.Authority = &cert, &cert, a
	o.Dialtree.LDAP = append(o.Dialtree.LDAP, "proxy_protocol_from: ["+balancer+"/32]")
	nodes := startNodes(t, 2, o, townObjects+"---\nkind: device\nname: reception\npassword: a-secret-of-a-device\n")
	front := startBalancer(t, nodes, a)

	t.Run("phones", func(t *testing.T) { phonesBehindHAProxy(t, front, nodes, a) })
	t.Run("an import by the page", func(t *testing.T) { importBehindHAProxy(t, front, nodes) })
}

// balancerAddresses are where the frontends of HAProxy are.
type balancerAddresses struct{ ldap, ldaps, page string }

// startBalancer starts HAProxy with the configuration of the documentation, at other addresses and ports.
func startBalancer(t *testing.T, nodes []*fixture.Node, a *fixture.Authority) balancerAddresses {
	t.Helper()
	text := string(must[[]byte](t)(os.ReadFile("../docs/cluster.md")))
	found := regexp.MustCompile("(?s)```haproxy\n(.*?)```").FindAllStringSubmatch(text, -1)
	if len(found) != 1 {
		t.Fatalf("docs/cluster.md has %d configurations of HAProxy, want 1", len(found))
	}
	config := found[0][1]
	replace := func(count int, old, with string) {
		t.Helper()
		if got := strings.Count(config, old); got != count {
			t.Fatalf("the configuration of HAProxy has %q %d times, want %d:\n%s", old, got, count, found[0][1])
		}
		config = strings.ReplaceAll(config, old, with)
	}
	var front balancerAddresses
	for _, frontend := range []struct {
		port    string
		address *string
	}{{"389", &front.ldap}, {"636", &front.ldaps}, {"443", &front.page}} {
		*frontend.address = must[string](t)(fixture.FreeAddress())
		replace(1, "bind :"+frontend.port+"\n", "bind "+*frontend.address+"\n")
	}
	for i, n := range nodes {
		documented := fmt.Sprintf("server pbx%d 10.0.0.1%d:", i+1, i+1)
		server := fmt.Sprintf("server pbx%d ", i+1)
		_, page, _ := strings.Cut(n.AdminAddress, ":")
		replace(1, documented+"389\n", server+n.Address+" port "+page+"\n")
		replace(1, documented+"636\n", server+n.TLSAddress+" port "+page+"\n")
		replace(1, documented+"8389\n", server+n.AdminAddress+"\n")
	}
	replace(3, "/etc/haproxy/dialtree-ca.pem", a.File)
	replace(1, "maxconn 60000", "maxconn 2000") // what a test may have open
	replace(1, "    mode tcp\n", "    mode tcp\n    source "+balancer+"\n")
	p := must[*fixture.Process](t)(fixture.StartHAProxyWith(t.Context(), filepath.Join(t.TempDir(), "haproxy"), front.ldap, config))
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("%s\nHAProxy wrote:\n%s", config, p.Output())
		}
	})
	return front
}

// phonesBehindHAProxy has phones log in while a node hangs and comes back.
func phonesBehindHAProxy(t *testing.T, front balancerAddresses, nodes []*fixture.Node, a *fixture.Authority) {
	phone := 10 // the last byte of whence it comes to HAProxy
	dial := func(address string) (*fixture.Client, error) {
		config := a.ClientConfig("127.0.0.1")
		if address == front.ldap {
			config = nil
		}
		c, err := fixture.DialFrom(t.Context(), fmt.Sprintf("127.0.0.%d", phone), address, config)
		if err != nil {
			return nil, err
		}
		if err := logIn(c); err != nil {
			c.Close()
			return nil, err
		}
		return c, nil
	}
	// both returns connections of another phone, of which each node has one at least.
	both := func(when, address string) (open []*fixture.Client) {
		t.Helper()
		phone++
		logins := fmt.Sprintf(`"msg":"bind","address":"127.0.0.%d:`, phone)
		eventually(t, when+" both nodes answer phones at "+address+", and know where these are", func() bool {
			if len(open) == 500 { // while a node is away they are all at the other one
				hangUp(open[:250])
				open = open[250:]
			}
			if c, err := dial(address); err == nil {
				open = append(open, c) // and stays, so that the next one goes to the node that has fewer
			}
			return strings.Contains(nodes[0].Output(), logins) && strings.Contains(nodes[1].Output(), logins)
		})
		return open
	}
	for _, address := range []string{front.ldap, front.ldaps} {
		open := both("while all is well", address)
		check(t, nodes[0].Signal(syscall.SIGSTOP))
		ended := 0
		for _, c := range open {
			err := logIn(c)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: HAProxy does not end a connection to a node that hangs: %v", address, err)
			} else if err != nil {
				ended++
			}
			c.Close()
		}
		if ended == 0 || ended == len(open) {
			t.Errorf("%s: when one of two nodes hung, %d of %d connections were ended", address, ended, len(open))
		}
		for range 4 {
			c := must[*fixture.Client](t)(dial(address))
			c.Close()
		}
		check(t, nodes[0].Signal(syscall.SIGCONT))
	}
	hangUp(both("after a node hung", front.ldap))
}

func hangUp(open []*fixture.Client) {
	for _, c := range open {
		c.Close()
	}
}

func logIn(c *fixture.Client) error {
	r, err := c.Bind("reception", "a-secret-of-a-device")
	if err == nil && r.Code != 0 {
		err = fmt.Errorf("bind: %d %s", r.Code, r.Diagnostic)
	}
	return err
}

// importBehindHAProxy imports a file by the page: what was uploaded is confirmed at the node that has it. When that dies, who is signed in
// stays so at the other one, and is asked for the file again.
func importBehindHAProxy(t *testing.T, front balancerAddresses, nodes []*fixture.Node) {
	signedIn(t, nodes[0].Dialtree, adminName, adminPassword, "admin")
	together(t, nodes...)
	page := network(nodes[0].Dialtree)
	page.base = "https://" + front.page
	page = page.browser()
	answers(t, page)
	page = page.with("Cookie", cookiePair(t, page.done(t, http.MethodPost, "/api/v1/session", map[string]string{"login": adminName, "password": adminPassword}, nil)))

	path := simulated(t, page, "Uploaded", 20)
	path = moved(t, page.ask(t, http.MethodPost, path+"/confirm", ""))
	eventually(t, "the import is done", func() bool {
		var job struct{ Done bool }
		page.done(t, http.MethodGet, "/api/v1/jobs/"+filepath.Base(path), nil, &job)
		return job.Done
	})
	eventually(t, "what was imported is found", func() bool { return sees(t, nodes[1], townBase, fixture.Prefix("cn", "Uploaded ")) == 20 })

	path = simulated(t, page, "Lost", 20)
	var at *fixture.Node
	for _, n := range nodes {
		direct := network(n.Dialtree).browser().with("Cookie", page.header.Get("Cookie"))
		if strings.Contains(direct.ask(t, http.MethodGet, path, nil).body, confirmButton) {
			at = n
		}
	}
	if at == nil {
		t.Fatalf("no node has the file of %s", path)
	}
	at.Kill()
	answers(t, page)
	if me := page.done(t, http.MethodGet, "/api/v1/me", nil, nil); !strings.Contains(me.body, adminName) {
		t.Errorf("who was signed in is %s", me.body)
	}
	if again := page.ask(t, http.MethodPost, path+"/confirm", ""); again.status != http.StatusConflict || !strings.Contains(again.body, "choose it again") {
		t.Errorf("a file that is gone: %d %s", again.status, again.body)
	}
}

// answers waits until HAProxy has a node for the page.
func answers(t *testing.T, page caller) {
	t.Helper()
	eventually(t, "the page answers", func() bool {
		response, err := page.http.Get(page.base + "/readyz")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

const confirmButton = "Import exactly this"

// simulated uploads contacts and returns the path of the job when its plan can be confirmed.
func simulated(t *testing.T, page caller, name string, count int) (path string) {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	check(t, form.WriteField("to", "phonebook/town"))
	check(t, form.WriteField("dry_run", "true"))
	file := must[io.Writer](t)(form.CreateFormFile("file", "contacts.csv"))
	fmt.Fprintln(file, "displayname,phone")
	for i := range count {
		fmt.Fprintf(file, "%s %d,+49 30 %d\n", name, i, 1_000_000+i)
	}
	check(t, form.Close())
	path = moved(t, page.with("Content-Type", form.FormDataContentType()).ask(t, http.MethodPost, "/phonebooks/import", body.Bytes()))
	eventually(t, "what "+path+" would do can be confirmed", func() bool {
		return strings.Contains(page.done(t, http.MethodGet, path, nil, nil).body, confirmButton)
	})
	return path
}

// moved is where an answer sends the browser.
func moved(t *testing.T, a answer) string {
	t.Helper()
	if a.status != http.StatusSeeOther {
		t.Fatalf("%d %s", a.status, a.body)
	}
	return a.header.Get("Location")
}
