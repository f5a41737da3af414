//go:build e2e

package e2e_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/browser"
)

// An administrator sees on the page what was refused, and follows a user's phone live, in both languages and on a phone.
func TestBadDayOnThePage(t *testing.T) {
	d := furnished(t)
	ada := signedIn(t, d, adminName, adminPassword, "admin")
	for deadline := time.Now().Add(30 * time.Second); len(refused(t, d, "--user", "nobody")) == 0; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a refused login was not written within 30 s")
		}
	}
	for title, v := range map[string]browser.View{
		"light, English":           {},
		"dark, German, on a phone": {Dark: true, Language: "de", Phone: true, Width: 390, Height: 844},
	} {
		p := atBrowser(t, d, v)
		check(t, p.page.SetCookies(d.AdminURL(), ada.header.Get("Cookie")))
		p.visits("/system/refused?user=nobody")
		p.reads("unknown_user 49", "no user or device has this name")
		p.complains()
		p.sees(title + ": refused")
		p.visits("/system/follow?what=alice")
		c := connect(t, d, plain)
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
			check(t, resultError(c.Bind("alice", "right")))
			if text := must[string](t)(p.page.Text()); containsAll(text, "bind", "name=alice", "password=[hidden]", "code=0 success") {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: the page tells nothing of alice's login", title)
			}
		}
		p.complains()
		p.sees(title + ": follow")
	}
}

func containsAll(text string, parts ...string) bool {
	return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(text, part) })
}
