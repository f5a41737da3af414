//go:build e2e

package browser

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Roles that several kinds of elements have in common.
const (
	// AnyButton is what is pressed.
	AnyButton = "button,link,menuitem,tab,radio,checkbox,switch,DisclosureTriangle"
	// AnyField is what is filled in.
	AnyField = "textbox,searchbox,combobox,spinbutton,listbox"
)

// Click clicks on the element with one of the roles, separated by commas, and exactly
// this accessible name; on the first when there are several. It waits for the page that
// this loads.
func (p *Page) Click(roles, name string) error {
	err := p.until(func() error {
		node, err := p.find(roles, name)
		if err != nil {
			return err
		}
		return p.press(node)
	})
	if err != nil {
		return p.explain(fmt.Errorf("click %q: %w", name, err), roles)
	}
	return p.settle()
}

// press clicks in the middle of an element, on whatever lies there.
func (p *Page) press(node cdp.BackendNodeID) error {
	if _, err := ask(p, dom.ScrollIntoViewIfNeeded, dom.ScrollIntoViewIfNeededParams{BackendNodeID: node}); err != nil {
		return err
	}
	got, err := ask(p, dom.GetContentQuads, dom.GetContentQuadsParams{BackendNodeID: node})
	if err != nil {
		return err
	}
	if len(got.Quads) == 0 || len(got.Quads[0]) != 8 {
		return errors.New("it takes no room on the page")
	}
	q := got.Quads[0]
	return p.do(chromedp.MouseClickXY((q[0]+q[4])/2, (q[1]+q[5])/2))
}

// Fill writes into the field with this label what was typed, instead of what it held.
func (p *Page) Fill(label, value string) error {
	return p.field(label, func(node cdp.BackendNodeID) error {
		if err := p.callOn(node, "function() { this.focus(); this.select(); }"); err != nil {
			return err
		}
		if value == "" {
			return p.do(chromedp.KeyEvent("\b"))
		}
		_, err := ask(p, input.InsertText, input.InsertTextParams{Text: value})
		return err
	})
}

// Choose chooses the option with this text in the list with this label.
func (p *Page) Choose(label, option string) error {
	const choose = `function(text) {
		const option = [...this.options].find(o => o.label.trim() === text);
		if (!option) throw new Error("the options are: " + [...this.options].map(o => o.label.trim()).join(", "));
		this.value = option.value;
		this.dispatchEvent(new Event("input", {bubbles: true}));
		this.dispatchEvent(new Event("change", {bubbles: true}));
	}`
	err := p.field(label, func(node cdp.BackendNodeID) error { return p.callOn(node, choose, option) })
	return errors.Join(err, p.settle())
}

// Upload puts a file into the file field with this label.
func (p *Page) Upload(label, path string) error {
	err := p.until(func() error {
		node, err := p.find("button", label)
		if err != nil {
			return err
		}
		_, err = ask(p, dom.SetFileInputFiles, dom.SetFileInputFilesParams{BackendNodeID: node, Files: []string{path}})
		return err
	})
	return errors.Join(p.explain(err, "button"), p.settle())
}

// Press presses a key where the focus is, as chromedp's package kb writes it.
func (p *Page) Press(key string) error {
	return errors.Join(p.do(chromedp.KeyEvent(key)), p.settle())
}

// field does something with the field with this label.
func (p *Page) field(label string, do func(cdp.BackendNodeID) error) error {
	err := p.until(func() error {
		node, err := p.find(AnyField, label)
		if err != nil {
			return err
		}
		return do(node)
	})
	if err != nil {
		return p.explain(fmt.Errorf("field %q: %w", label, err), AnyField)
	}
	return nil
}

func (p *Page) callOn(node cdp.BackendNodeID, function string, arguments ...any) error {
	got, err := ask(p, dom.ResolveNode, dom.ResolveNodeParams{BackendNodeID: node})
	if err != nil {
		return err
	}
	_, err = run(p, chromedp.CallFunctionOn[chromedp.Void](function, func(call *runtime.CallFunctionOnParams) {
		call.ObjectID = got.Object.ObjectID
	}, arguments...))
	return err
}

// Has tells whether there is an element with one of the roles and this name.
func (p *Page) Has(roles, name string) bool {
	_, err := p.find(roles, name)
	return err == nil
}

// find finds the first element with one of the roles and exactly this accessible name.
func (p *Page) find(roles, name string) (cdp.BackendNodeID, error) {
	nodes, err := p.announced()
	if err != nil {
		return 0, err
	}
	for _, n := range nodes {
		// The mark of a field that is required is announced with its label.
		if hasRole(n, roles) && strings.TrimSuffix(text(n.Name), " *") == name {
			return n.BackendDOMNodeID, nil
		}
	}
	return 0, errors.New("there is none")
}

// announced are the elements of the page as a screen reader gets them.
func (p *Page) announced() ([]*accessibility.Node, error) {
	document, err := ask(p, dom.GetDocument, dom.GetDocumentParams{})
	if err != nil {
		return nil, err
	}
	got, err := ask(p, accessibility.QueryAXTree, accessibility.QueryAXTreeParams{NodeID: document.Root.NodeID})
	return slices.DeleteFunc(got.Nodes, func(n *accessibility.Node) bool { return n.Ignored }), err
}

func hasRole(n *accessibility.Node, roles string) bool {
	return slices.Contains(strings.Split(roles, ","), text(n.Role))
}

// explain adds to an error where it happened and what could have been meant.
func (p *Page) explain(err error, roles string) error {
	if err == nil {
		return nil
	}
	address, _ := p.URL()
	nodes, _ := p.announced()
	var names []string
	for _, n := range nodes {
		if hasRole(n, roles) {
			names = append(names, fmt.Sprintf("%s %q", text(n.Role), text(n.Name)))
		}
	}
	return fmt.Errorf("%w on %s, which has: %s", err, address, strings.Join(names, ", "))
}

// text is a string of the accessibility tree, its blanks made one.
func text(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	var s string
	if err := json.Unmarshal(v.Value, &s); err != nil {
		return ""
	}
	return strings.Join(strings.Fields(s), " ")
}

// WaitText waits until the page can be read to say something.
func (p *Page) WaitText(want string) error {
	return p.until(func() error {
		got, err := p.Text()
		if err != nil || strings.Contains(got, want) {
			return err
		}
		address, _ := p.URL()
		return fmt.Errorf("%s does not say %q but: %s", address, want, got)
	})
}

// WaitURL waits until the address of the page holds something.
func (p *Page) WaitURL(part string) error {
	return p.until(func() error {
		got, err := p.URL()
		if err != nil || strings.Contains(got, part) {
			return err
		}
		said, _ := p.Text()
		return fmt.Errorf("the address is %s, without %q; the page says: %s", got, part, said)
	})
}
