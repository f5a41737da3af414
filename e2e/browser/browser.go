//go:build e2e

package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/dialtree/dialtree/e2e/fixture"
)

const (
	// startTime is how long the browser may take to start.
	startTime = 30 * time.Second
	// patience is how long a page may take to do what it was asked for.
	patience = 15 * time.Second
	// pause is between two looks.
	pause = 30 * time.Millisecond
)

// Options say what the browser is made of.
type Options struct {
	// Axe is the path of axe.min.js; empty: Violations is not to be called.
	Axe string
}

// A Browser is one chromium. Its pages may be used side by side, each by one goroutine.
type Browser struct {
	ctx    context.Context
	cancel context.CancelFunc
	axe    string // the source of axe-core
}

// Start starts a browser with a profile of its own, which ends with it. What is not
// installed is a *fixture.MissingError.
func Start(o Options) (*Browser, error) {
	program, err := exec.LookPath("chromium")
	if err != nil {
		return nil, &fixture.MissingError{Program: "chromium", Package: "chromium"}
	}
	b := new(Browser)
	if b.axe, err = readAxe(o.Axe); err != nil {
		return nil, err
	}
	allocator, endAllocator := chromedp.NewExecAllocator(context.Background(), flags(program)...)
	ctx, end := chromedp.NewContext(allocator)
	b.ctx, b.cancel = ctx, func() {
		end()
		endAllocator()
	}
	// The browser lives as long as the context of the first call: a deadline there would end it.
	late := time.AfterFunc(startTime, b.cancel)
	err = chromedp.Do(ctx)
	if !late.Stop() {
		err = errors.Join(errors.New("it took too long"), err)
	}
	if err != nil {
		b.cancel()
		return nil, fmt.Errorf("start chromium: %w", err)
	}
	return b, nil
}

// flags are those of a browser that looks at the tests' pages and at nothing else.
func flags(program string) []chromedp.ExecAllocatorOption {
	options := append([]chromedp.ExecAllocatorOption{}, chromedp.DefaultExecAllocatorOptions[:]...)
	options = append(options, chromedp.ExecPath(program))
	for name, value := range map[string]any{
		"headless":                 "new",
		"no-sandbox":               true, // root has none
		"disable-gpu":              true,
		"disable-quic":             true,
		"disable-component-update": true,
		"hide-scrollbars":          true,
		"font-render-hinting":      "none",
		"host-resolver-rules":      "MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
	} {
		options = append(options, chromedp.Flag(name, value))
	}
	return options
}

func readAxe(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	source, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("%w: scripts/install-test-deps installs it", &fixture.MissingError{Program: "axe-core"})
	}
	return string(source), err
}

// Close ends the browser and removes its profile.
func (b *Browser) Close() { b.cancel() }
