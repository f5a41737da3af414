//go:build e2e

package browser

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// A View is how somebody looks at a page.
type View struct {
	Width, Height int    // 0: 1280 by 800
	Phone         bool   // touch, and a phone's way to lay pages out
	Dark          bool   // prefers dark colours
	Language      string // as Accept-Language has it; empty: en
	NoScript      bool
}

// A Page is a window of a browser with cookies of its own.
type Page struct {
	ctx      context.Context
	axe      string
	language string

	mu       sync.Mutex // guards what follows, which events write
	host     string     // that requests may go to
	loading  bool
	weight   float64
	troubles []Trouble
	sent     map[network.RequestID]string // URLs of requests under way
	expected map[int]bool                 // statuses that are no trouble
}

// Open opens a window. Close it.
func (b *Browser) Open(v View) (*Page, error) {
	if v.Width == 0 {
		v.Width, v.Height = 1280, 800
	}
	if v.Language == "" {
		v.Language = "en"
	}
	p := &Page{axe: b.axe, language: v.Language, sent: map[network.RequestID]string{}, expected: map[int]bool{}}
	p.ctx, _ = chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	// The window lives as long as the context of the first call.
	err := chromedp.Do(p.ctx)
	if err == nil {
		err = errors.Join(chromedp.Listen(p.ctx, p.heard), p.look(v))
	}
	if err != nil {
		p.Close()
		return nil, fmt.Errorf("open a window: %w", err)
	}
	return p, nil
}

// look makes the window look at pages in a way.
func (p *Page) look(v View) error {
	scheme := "light"
	if v.Dark {
		scheme = "dark"
	}
	viewport := []chromedp.EmulateViewportOption{}
	if v.Phone {
		viewport = append(viewport, chromedp.EmulateMobile, chromedp.EmulateTouch, chromedp.EmulatePortrait)
	}
	return p.do(chromedp.Steps(
		chromedp.EmulateViewport(int64(v.Width), int64(v.Height), viewport...),
		call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme},
			// A colour that changes slowly has the wrong contrast for a while.
			{Name: "prefers-reduced-motion", Value: "reduce"},
		}}),
		call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: v.NoScript}),
		call(network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": v.Language}}),
	))
}

// Close closes the window.
func (p *Page) Close() {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	_ = chromedp.Cancel(ctx) // the browser ends it at the latest
}

// Visit opens an address, as if it were typed in, and waits until it has loaded.
func (p *Page) Visit(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.host, p.weight = u.Host, 0
	p.mu.Unlock()
	if err := p.do(chromedp.Navigate(address)); err != nil {
		return fmt.Errorf("visit %s: %w", address, err)
	}
	return p.settle()
}

// settle waits until what was begun has loaded.
func (p *Page) settle() error {
	time.Sleep(2 * pause) // a form is sent a moment after its button was pressed
	return p.until(func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.loading {
			return errors.New("the page is still loading")
		}
		return nil
	})
}

// until looks until there is no error, and returns the last one when patience ends.
func (p *Page) until(look func() error) error {
	deadline := time.Now().Add(patience)
	for {
		err := look()
		if err == nil || time.Now().After(deadline) || p.ctx.Err() != nil {
			return err
		}
		time.Sleep(pause)
	}
}

// do runs an action within the page's patience.
func (p *Page) do(action chromedp.Action[chromedp.Void]) error {
	_, err := run(p, action)
	return err
}

func run[T any](p *Page, action chromedp.Action[T]) (T, error) {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, action)
}

// call is a command of the browser's protocol as an action.
func call[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, command, params)
		return err
	})
}

// ask runs a command of the browser's protocol.
func ask[P, R any](p *Page, command cdp.Command[P, R], params P) (R, error) {
	return run(p, func(ctx context.Context, t *chromedp.Target) (R, error) {
		return cdp.Call(ctx, t, command, params)
	})
}

// URL is the address of the page.
func (p *Page) URL() (string, error) { return run(p, chromedp.Location()) }

// Title is the title of the page.
func (p *Page) Title() (string, error) { return run(p, chromedp.Title()) }

// Text is what can be read on the page, its blanks made one.
func (p *Page) Text() (string, error) {
	text, err := run(p, chromedp.Evaluate[string]("document.body ? document.body.innerText : ''"))
	return strings.Join(strings.Fields(text), " "), err
}

// HTML is the page as it is now.
func (p *Page) HTML() (string, error) {
	return run(p, chromedp.Evaluate[string]("document.documentElement.outerHTML"))
}

// Screenshot is the visible part of the page as a PNG.
func (p *Page) Screenshot() ([]byte, error) { return run(p, chromedp.CaptureScreenshot()) }

// Cookies are what the browser would send to the page's host, as the header Cookie has them.
func (p *Page) Cookies() (string, error) {
	got, err := ask(p, network.GetCookies, network.GetCookiesParams{})
	var pairs []string
	for _, c := range got.Cookies {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	return strings.Join(pairs, "; "), err
}

// SetCookies gives the browser what a header Cookie holds, for one address.
func (p *Page) SetCookies(address, header string) error {
	for pair := range strings.SplitSeq(header, "; ") {
		name, value, _ := strings.Cut(pair, "=")
		cookie := network.SetCookieParams{URL: address, Name: name, Value: value, SameSite: network.CookieSameSiteStrict}
		if _, err := ask(p, network.SetCookie, cookie); err != nil {
			return fmt.Errorf("set cookie %s: %w", name, err)
		}
	}
	return nil
}

// Reload asks for the page anew.
func (p *Page) Reload() error {
	_, err := ask(p, page.Reload, page.ReloadParams{})
	return errors.Join(err, p.settle())
}

// Overhang is by how many pixels the page is wider than the window; 0: it fits.
func (p *Page) Overhang() (int, error) {
	return run(p, chromedp.Evaluate[int]("Math.max(0, document.documentElement.scrollWidth - document.documentElement.clientWidth)"))
}
