//go:build e2e

package e2e_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// A cutter stands before a server and ends everything after some bytes from it.
type cutter struct {
	address string
	mu      sync.Mutex // guards what follows
	passed  int
	limit   int // 0: none
}

func newCutter(t *testing.T, target string) *cutter {
	t.Helper()
	l := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	c := &cutter{address: l.Addr().String()}
	var ended sync.WaitGroup
	ended.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			ended.Go(func() { c.serve(client, target) })
		}
	})
	t.Cleanup(func() { l.Close(); ended.Wait() })
	return c
}

func (c *cutter) serve(client net.Conn, target string) {
	defer client.Close()
	server, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer server.Close()
	go io.Copy(server, client)
	buf := make([]byte, 256)
	for {
		n, err := server.Read(buf)
		if n = c.pass(n); n > 0 {
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil || n == 0 {
			return
		}
	}
}

// pass returns how many of n bytes may pass.
func (c *cutter) pass(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.limit > 0 {
		n = max(0, min(n, c.limit-c.passed))
	}
	c.passed += n
	return n
}

// cutAfter begins to count anew and returns what passed before.
func (c *cutter) cutAfter(limit int) (passed int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	passed, c.passed, c.limit = c.passed, 0, limit
	return passed
}

// fromPhonebook is a connector that reads a phonebook of another Dialtree.
func fromPhonebook(t *testing.T, name, target, address, book, device, secret string) string {
	t.Helper()
	a := must[*fixture.Authority](t)(authority())
	return fmt.Sprintf("---\nkind: connector\nname: %s\ntemplate: pbx-phonebook\ntarget: phonebook/%s\nsource:\n  rest: {url: \"https://%s/api/v1/phonebooks/%s/contacts?limit=10\", "+
		"username: %s, password: %s, list: /contacts, total: /total, next: /next, tls: {ca_file: %q}}\n", name, target, address, book, device, secret, a.File)
}

// salesFile is a CSV file of contacts with numbers from, from+1, …, up to to; the first of them is called by another name.
func salesFile(from, to int, first string) string {
	notes := strings.Repeat("met at the fair; ", 40) // so that a page is sent in several pieces
	var b strings.Builder
	b.WriteString("customernumber,displayname,phone,email,notes\n")
	for i := from; i <= to; i++ {
		name := fmt.Sprintf("Customer %d", i)
		if i == from {
			name = first
		}
		fmt.Fprintf(&b, "%d,%s,+49 30 9%04d,c%d@example.com,%s\n", i, name, i, i, notes)
	}
	return b.String()
}

// contacts are those of a phonebook, as text.
func contacts(t *testing.T, d *fixture.Dialtree) string {
	t.Helper()
	return command(t, d, 0, "", "get", "contacts", "-o", "json").Stdout
}

// failed runs a connector that fails: nothing changes, and the failure is in its history.
func failed(t *testing.T, d *fixture.Dialtree, name, want string) {
	t.Helper()
	before := contacts(t, d)
	if got := runConnector(t, d, name); got.Result != "failed" || !strings.Contains(got.Error, want) || got.counts != (counts{}) {
		t.Errorf("connector %s: %+v, want a failure with %q", name, got, want)
	}
	if after := contacts(t, d); after != before {
		t.Errorf("the contacts are now\n%s\nand were\n%s", after, before)
	}
	if history := command(t, d, 0, "", "connector", "history", name, "-o", "json").Stdout; !strings.Contains(history, strings.ReplaceAll(want, `"`, `\"`)) {
		t.Errorf("the history of %s has no %q:\n%s", name, want, history)
	}
}

// Two sites have a Dialtree each, and each reads a phonebook of the other.
func TestTwoDialtreesReadEachOther(t *testing.T) {
	a := must[*fixture.Authority](t)(authority())
	cert := must[fixture.Certificate](t)(a.Issue("site", "127.0.0.1"))
	site := func() *fixture.Dialtree {
		o := options(t)
		o.AdminTLS, o.Authority = &cert, a
		return dialtree(t, o, "")
	}
	berlin, munich := site(), site()
	between := newCutter(t, berlin.AdminAddress)

	file := filepath.Join(t.TempDir(), "sales.csv")
	write := func(text string) { check(t, os.WriteFile(file, []byte(text), 0o600)) }
	write(salesFile(1, 25, "Customer 1"))
	check(t, berlin.Apply(t.Context(), "kind: phonebook\nname: sales\nreaders: [\"device:munich\"]\n---\nkind: phonebook\nname: board\nreaders: [\"user:boss\"]\n"+
		"---\nkind: phonebook\nname: service\n---\nkind: contact\nphonebook: board\ndisplayname: Chairman\n---\nkind: device\nname: munich\npassword: right-munich\n"+
		"---\nkind: connector\nname: crm\ntemplate: csv-phonebook\ntarget: phonebook/sales\nkey: customernumber\nretain: 7d\nlimits: {removals: 50%}\nsource: {csv: {path: "+file+"}}\n"+
		fromPhonebook(t, "from-munich", "service", munich.AdminAddress, "service", "berlin", "right-berlin")))
	check(t, munich.Apply(t.Context(), "kind: phonebook\nname: service\n---\nkind: phonebook\nname: sales\n---\nkind: device\nname: berlin\npassword: right-berlin\n"+
		"---\nkind: contact\nphonebook: service\ndisplayname: Hotline\nphone: [\"71\", \"*97\"]\n---\nkind: contact\nphonebook: service\ndisplayname: \"Käthe & Söhne\"\nphone: \"+49 89 1\"\n"+
		fromPhonebook(t, "from-berlin", "sales", between.address, "sales", "munich", "right-munich")+
		fromPhonebook(t, "wrong-secret", "sales", berlin.AdminAddress, "sales", "munich", "wrong-munich")+
		fromPhonebook(t, "unreadable", "sales", berlin.AdminAddress, "board", "munich", "right-munich")))

	done(t, berlin, "crm", counts{Created: 25})
	done(t, munich, "from-berlin", counts{Created: 25})
	between.cutAfter(0)
	done(t, munich, "from-berlin", counts{Unchanged: 25})
	wholeList := between.cutAfter(0)
	done(t, berlin, "from-munich", counts{Created: 2})
	done(t, berlin, "from-munich", counts{Unchanged: 2})
	for _, want := range []string{`"Käthe \u0026 Söhne"`, `"*97"`, `"+49 89 1"`} {
		if got := contacts(t, berlin); !strings.Contains(got, want) && !strings.Contains(got, strings.ReplaceAll(want, `\u0026`, "&")) {
			t.Errorf("berlin has no %s:\n%s", want, got)
		}
	}

	// One is renamed, three are gone, two are new. Those who are gone are kept hidden in Berlin, which Munich must not see.
	write(salesFile(4, 27, "Renamed"))
	renamed := idOf(t, munich, "Customer 4")
	done(t, berlin, "crm", counts{Created: 2, Updated: 1, Removed: 3, Unchanged: 21})
	done(t, munich, "from-berlin", counts{Created: 2, Updated: 1, Removed: 3, Unchanged: 21})
	if id := idOf(t, munich, "Renamed"); id == "" || id != renamed {
		t.Errorf("who was renamed has the ID %q, before %q", id, renamed)
	}

	failed(t, munich, "wrong-secret", "the server refused the login (401): check username and password, or token")
	failed(t, munich, "unreadable", "there is no such list (404): check url (it says \"there is no phonebook of that name that this device may read\")")

	// The line is cut within the second of three pages.
	write(salesFile(4, 20, "Renamed"))
	done(t, berlin, "crm", counts{Removed: 7, Unchanged: 17}) // hidden
	between.cutAfter(wholeList * 6 / 10)
	failed(t, munich, "from-berlin", "bytes: the list was cut off on the way")
	between.cutAfter(0)
	if got := runConnector(t, munich, "from-berlin"); got.Result != "stopped" { // seven of 24 would go
		t.Errorf("without the guard: %+v", got)
	}
	write(salesFile(4, 27, "Renamed"))
	berlin.Stop()
	failed(t, munich, "from-berlin", "the server ended the connection during the TLS handshake: try again later")
	check(t, berlin.Start(t.Context()))
	if got := runConnector(t, berlin, "crm"); got.Result != "done" {
		t.Errorf("in Berlin again: %+v", got)
	}
	done(t, munich, "from-berlin", counts{Unchanged: 24})
}

// idOf returns the ID of the contact of that name.
func idOf(t *testing.T, d *fixture.Dialtree, name string) string {
	t.Helper()
	csv := command(t, d, 0, "", "get", "contacts", "-o", "json").Stdout
	before, _, found := strings.Cut(csv, fmt.Sprintf("%q: %q", "displayname", name))
	if !found {
		return ""
	}
	_, id, _ := strings.Cut(before[max(0, strings.LastIndex(before, `"id"`)):], `"id": "`)
	id, _, _ = strings.Cut(id, `"`)
	return id
}
