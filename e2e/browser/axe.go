//go:build e2e

package browser

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/chromedp/chromedp"
)

// A Violation is a rule of accessibility that a page breaks.
type Violation struct {
	ID     string `json:"id"`
	Impact string `json:"impact"` // minor, moderate, serious or critical
	Help   string `json:"help"`
	Nodes  []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

// Serious tells whether it keeps somebody from using the page.
func (v Violation) Serious() bool { return v.Impact == "serious" || v.Impact == "critical" }

// String says what, and where.
func (v Violation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s: %s", v.Impact, v.ID, v.Help)
	for i, n := range v.Nodes {
		if i == 3 {
			fmt.Fprintf(&b, "\n  and %d more", len(v.Nodes)-i)
			break
		}
		fmt.Fprintf(&b, "\n  %s\n    %s", n.HTML, strings.ReplaceAll(n.Summary, "\n", "\n    "))
	}
	return b.String()
}

// Violations are what axe-core finds on the page.
func (p *Page) Violations() ([]Violation, error) {
	if p.axe == "" {
		return nil, errors.New("look for accessibility: the browser was started without axe-core")
	}
	const check = `axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations))`
	if loaded, err := run(p, chromedp.Evaluate[bool](`typeof axe === "object"`)); err != nil || !loaded {
		if err := p.do(chromedp.Evaluate[chromedp.Void](p.axe)); err != nil {
			return nil, fmt.Errorf("load axe-core: %w", err)
		}
	}
	found, err := run(p, chromedp.Evaluate[string](check, chromedp.EvalAwaitPromise))
	if err != nil {
		return nil, fmt.Errorf("run axe-core: %w", err)
	}
	var violations []Violation
	return violations, json.Unmarshal([]byte(found), &violations)
}
