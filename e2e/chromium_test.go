//go:build e2e

package e2e_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/dialtree/dialtree/e2e/browser"
	"github.com/dialtree/dialtree/e2e/fixture"
)

var startedChromium *browser.Browser

var chromium = sync.OnceValues(func() (*browser.Browser, error) {
	b, err := browser.Start(browser.Options{Axe: "browser/node_modules/axe-core/axe.min.js"})
	if err == nil {
		startedChromium = b
	}
	return b, err
})

// A person sits in front of a browser. What goes wrong ends the test.
type person struct {
	t    *testing.T
	page *browser.Page
	base string
}

// atBrowser opens a browser at the product's page.
func atBrowser(t *testing.T, d *fixture.Dialtree, v browser.View) *person {
	t.Helper()
	b := must[*browser.Browser](t)(chromium())
	p := must[*browser.Page](t)(b.Open(v))
	t.Cleanup(p.Close)
	return &person{t, p, d.AdminURL()}
}

func (p *person) visits(path string) {
	p.t.Helper()
	check(p.t, p.page.Visit(p.base+path))
}

// clicks on a button, a link or what else can be pressed.
func (p *person) clicks(name string) {
	p.t.Helper()
	check(p.t, p.page.Click(browser.AnyButton, name))
}

func (p *person) fills(label, value string) {
	p.t.Helper()
	check(p.t, p.page.Fill(label, value))
}

func (p *person) chooses(label, option string) {
	p.t.Helper()
	check(p.t, p.page.Choose(label, option))
}

// reads waits for texts.
func (p *person) reads(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		check(p.t, p.page.WaitText(text))
	}
}

// complains about what no page may do: trouble in the browser, or a secret in the HTML.
func (p *person) complains(secrets ...string) {
	p.t.Helper()
	address, _ := p.page.URL()
	for _, trouble := range p.page.Troubles() {
		p.t.Errorf("%s: %v", address, trouble)
	}
	html := must[string](p.t)(p.page.HTML())
	for _, secret := range append(secrets, planted) {
		if strings.Contains(html, secret) {
			p.t.Errorf("%s shows a secret: %s", address, around(html, secret))
		}
	}
}

// sees looks for what keeps somebody from using the page.
func (p *person) sees(title string) {
	p.t.Helper()
	for _, v := range must[[]browser.Violation](p.t)(p.page.Violations()) {
		if v.Serious() {
			p.t.Errorf("%s: %v", title, v)
		}
	}
	if wide := must[int](p.t)(p.page.Overhang()); wide > 0 {
		p.t.Errorf("%s: the page is %d pixels wider than the window", title, wide)
	}
}

// openPage starts the product with its page in the clear, on loopback.
func openPage(t *testing.T) *fixture.Dialtree {
	t.Helper()
	o := options(t)
	o.TLS = nil
	o.LDAP = []string{"anonymous_from: [127.0.0.0/8]"}
	return dialtree(t, o, "")
}

// firstLink is the path of the one-time link that the server printed when it started.
func firstLink(t *testing.T, d *fixture.Dialtree) string {
	t.Helper()
	_, rest, found := strings.Cut(d.Output(), d.AdminURL()+"/first?code=")
	if !found {
		t.Fatalf("the server printed no link:\n%s", d.Output())
	}
	return fmt.Sprintf("/first?code=%s", strings.Fields(rest)[0])
}
