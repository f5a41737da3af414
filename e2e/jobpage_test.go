//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/dialtree/dialtree/e2e/browser"
)

// Who follows a run is told when its server goes, and when the run is gone with it.
func TestRunPageOfAServerThatIsKilled(t *testing.T) {
	asked, over := make(chan struct{}, 8), make(chan struct{})
	source := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-over
	}))
	defer source.Close()
	defer close(over)
	d := openPage(t)
	check(t, d.Apply(t.Context(), fmt.Sprintf("kind: connector\nname: dials\ntemplate: csv-speeddials\nsource: {csv: {url: %q}}", source.URL+"/dials.csv")))
	ada := signedIn(t, d, adminName, adminPassword, "admin")
	p := atBrowser(t, d, browser.View{})
	check(t, p.page.SetCookies(d.AdminURL(), ada.header.Get("Cookie")))
	p.visits("/connectors/dials")
	p.clicks("Simulate")
	<-asked
	p.reads("It goes on when you leave this page.")
	p.complains()
	d.Kill()
	p.reads("This server does not answer: what is shown here is old.")
	check(t, d.Start(t.Context()))
	t.Cleanup(d.Stop)
	p.reads("Nothing is known of this run any more")
}
