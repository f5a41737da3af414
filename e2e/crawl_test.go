//go:build e2e

package e2e_test

import (
	"html"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// perShape is how many pages are looked at whose addresses differ in names and numbers alone.
const perShape = 3

// A shown page is one that a link led to.
type shown struct {
	path string
	answer
	took time.Duration
}

// isPage tells it from a file.
func (s shown) isPage() bool {
	return strings.HasPrefix(s.header.Get("Content-Type"), "text/html")
}

var hrefs = regexp.MustCompile(`\shref="([^"]*)"`)

// crawl follows the links of pages, as somebody does who is signed in: of a thousand pages of
// contacts it looks at a few.
func crawl(t *testing.T, c caller) []shown {
	t.Helper()
	var pages []shown
	seen, shapes := map[string]bool{"/": true}, map[string]int{}
	for queue := []string{"/"}; len(queue) > 0; queue = queue[1:] {
		begun := time.Now()
		page := shown{path: queue[0], answer: c.ask(t, http.MethodGet, queue[0], nil)}
		page.took = time.Since(begun)
		pages = append(pages, page)
		if !page.isPage() {
			continue
		}
		for _, link := range hrefs.FindAllStringSubmatch(page.body, -1) {
			next := local(t, page.path, html.UnescapeString(link[1]))
			if next == "" || seen[next] || shapes[shapeOf(next)] >= perShape {
				continue
			}
			seen[next] = true
			shapes[shapeOf(next)]++
			queue = append(queue, next)
		}
	}
	return pages
}

// local is where a link leads to; empty for what is no page of the server.
func local(t *testing.T, from, link string) string {
	t.Helper()
	base := must[*url.URL](t)(url.Parse(from))
	to, err := base.Parse(link)
	if err != nil {
		t.Errorf("%s has the link %q: %v", from, link, err)
		return ""
	}
	if to.Host != "" || to.Scheme != "" || strings.HasPrefix(to.Path, "/static/") {
		return ""
	}
	to.Fragment = ""
	return to.String()
}

// shapeOf is an address without what names a single thing, and without the values of its query.
func shapeOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	parts := strings.Split(u.Path, "/")
	name := 3 // /phones/devices/NAME
	if parts[1] == "connectors" || parts[1] == "users" {
		name = 2
	}
	for ; name < len(parts); name += 2 {
		if parts[name] == "new" {
			name-- // what is new has no name: /connectors/new/TEMPLATE
			continue
		}
		parts[name] = "x"
	}
	return strings.Join(parts, "/") + "?" + strings.Join(slices.Sorted(maps.Keys(u.Query())), "&")
}
