//go:build e2e

package browser

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
)

// A Trouble is something that a good page does not do.
type Trouble struct {
	Kind TroubleKind
	Text string
}

// A TroubleKind says what went wrong.
type TroubleKind string

// The kinds of trouble.
const (
	ConsoleError TroubleKind = "console error"
	Policy       TroubleKind = "violation of the content security policy"
	Failed       TroubleKind = "failed request"
	ForeignHost  TroubleKind = "request to another host"
)

// String is one line.
func (t Trouble) String() string { return string(t.Kind) + ": " + t.Text }

// Troubles are what went wrong since the last call.
func (p *Page) Troubles() []Trouble {
	p.mu.Lock()
	defer p.mu.Unlock()
	troubles := p.troubles
	p.troubles = nil
	return troubles
}

// Expect says that answers with these statuses are no trouble: a wrong password, say.
func (p *Page) Expect(statuses ...int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, status := range statuses {
		p.expected[status] = true
	}
}

// Weight is how many bytes came over the wire since the last Visit, with what the page
// itself asked for.
func (p *Page) Weight() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return int(p.weight)
}

// heard is called for every event of the window, in their order.
func (p *Page) heard(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *page.EventFrameRequestedNavigation, *page.EventFrameStartedNavigating, *page.EventFrameStartedLoading:
		p.loading = true
	case *page.EventFrameStoppedLoading:
		p.loading = false
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeAssert {
			p.trouble(ConsoleError, arguments(e.Args))
		}
	case *runtime.EventExceptionThrown:
		p.trouble(ConsoleError, e.ExceptionDetails.Text+" "+arguments([]*runtime.RemoteObject{e.ExceptionDetails.Exception}))
	case *log.EventEntryAdded:
		p.logged(e.Entry)
	default:
		p.requested(event)
	}
}

// logged is called for a line that the browser itself writes to the console.
func (p *Page) logged(entry *log.Entry) {
	switch {
	case strings.Contains(entry.Text, "Content Security Policy"):
		p.trouble(Policy, entry.Text)
	case entry.Source == log.EntrySourceNetwork: // the request itself tells
	case entry.Level == log.EntryLevelError:
		p.trouble(ConsoleError, entry.Text+" "+entry.URL)
	}
}

// requested is called for what becomes of requests.
func (p *Page) requested(event any) {
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.sent[e.RequestID] = e.Request.URL
		if u, err := url.Parse(e.Request.URL); err != nil || u.Host != p.host && u.Scheme != "data" && u.Scheme != "blob" {
			p.trouble(ForeignHost, e.Request.URL)
		}
	case *network.EventResponseReceived:
		if status := int(e.Response.Status); status >= 400 && !p.expected[status] {
			p.trouble(Failed, fmt.Sprintf("%d for %s", status, e.Response.URL))
		}
	case *network.EventLoadingFinished:
		p.weight += e.EncodedDataLength
		delete(p.sent, e.RequestID)
	case *network.EventLoadingFailed:
		// What the page itself gave up, by going on to another one say, did not fail.
		if !e.Canceled && e.ErrorText != "net::ERR_ABORTED" {
			p.trouble(Failed, fmt.Sprintf("%s for %s", e.ErrorText, p.sent[e.RequestID]))
		}
		delete(p.sent, e.RequestID)
	}
}

// trouble is called with the lock held.
func (p *Page) trouble(kind TroubleKind, text string) {
	p.troubles = append(p.troubles, Trouble{kind, strings.TrimSpace(text)})
}

func arguments(objects []*runtime.RemoteObject) string {
	var words []string
	for _, o := range objects {
		if o == nil {
			continue
		}
		if o.Description != "" {
			words = append(words, o.Description)
		} else {
			words = append(words, strings.Trim(string(o.Value), `"`))
		}
	}
	return strings.Join(words, " ")
}
