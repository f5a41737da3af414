//go:build e2e

package e2e_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/dialtree/dialtree/e2e/browser"
)

// pictures are those of docs/screenshots, by name.
var pictures = map[string]struct {
	path string
	view browser.View
}{
	"overview":             {"/", browser.View{}},
	"overview-dark":        {"/", browser.View{Dark: true}},
	"connectors":           {"/connectors", browser.View{}},
	"connector":            {"/connectors/staff", browser.View{}},
	"connector-templates":  {"/connectors/new", browser.View{}},
	"run":                  {"/connectors/customers/runs/customers-1", browser.View{}},
	"users":                {"/users", browser.View{}},
	"user":                 {"/users/alice", browser.View{}},
	"authentication":       {"/authentication", browser.View{}},
	"phonebook":            {"/phonebooks/books/customers", browser.View{}},
	"phone-settings":       {"/phones/settings/yealink?device=reception&host=pbx.example.com", browser.View{}},
	"overview-phone":       {"/", browser.View{Width: 390, Height: 844, Phone: true}},
	"users-phone-dark":     {"/users", browser.View{Width: 390, Height: 844, Phone: true, Dark: true}},
	"authentication-de":    {"/authentication", browser.View{Language: "de"}},
	"connectors-dark-de":   {"/connectors", browser.View{Dark: true, Language: "de"}},
	"phonebook-phone-dark": {"/phonebooks/books/customers", browser.View{Width: 390, Height: 844, Phone: true, Dark: true}},
}

// largestPicture is what a picture may weigh in the repository.
const largestPicture = 100 << 10

// The main pages have their picture taken. SCREENSHOTS=1 puts the pictures into docs/screenshots.
func TestScreenshots(t *testing.T) {
	d := furnished(t)
	ada := signedIn(t, d, adminName, adminPassword, "admin")
	dir := t.TempDir()
	if os.Getenv("SCREENSHOTS") == "1" {
		dir = "../docs/screenshots"
		check(t, os.MkdirAll(dir, 0o755))
	}
	for name, picture := range pictures {
		p := atBrowser(t, d, picture.view)
		check(t, p.page.SetCookies(d.AdminURL(), ada.header.Get("Cookie")))
		p.visits(picture.path)
		p.complains()
		small := must[[]byte](t)(browser.Small(must[[]byte](t)(p.page.Screenshot())))
		if len(small) > largestPicture {
			t.Errorf("%s has %d bytes", name, len(small))
		}
		check(t, os.WriteFile(filepath.Join(dir, name+".png"), small, 0o644))
		p.page.Close()
	}
}
