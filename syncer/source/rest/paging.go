package rest

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// A paging is how the next page is found.
type paging struct {
	header bool       // by the Link header (RFC 8288)
	body   pointer    // by a pointer to its URL; nil: not
	counts url.Values // by parameters that count; nil: not
}

// nextHeader is what Options.Next says of the Link header.
const nextHeader = "link"

// What parameters count.
const (
	countOffset   = "{offset}" // the records before the page
	countPage     = "{page}"   // pages, from 1
	countPageZero = "{page0}"  // pages, from 0
)

var placeholder = regexp.MustCompile(`\{[^}]*\}?|\}`)

// parsePaging reads Options.Next.
func parsePaging(text string) (paging, error) {
	switch {
	case text == "":
		return paging{}, nil
	case text == nextHeader:
		return paging{header: true}, nil
	case text[0] == '/':
		p, err := parsePointer(text)
		return paging{body: p}, err
	case text[0] != '?':
		return paging{}, fmt.Errorf("%q is none of: link, for the Link header; a JSON pointer to the URL of the next page, such as /next; "+
			"parameters that count, such as ?page={page} or ?offset={offset}&limit=500", text)
	}
	counts, err := url.ParseQuery(text[1:])
	if err != nil {
		return paging{}, fmt.Errorf("%q is not what follows the ? of a URL", text)
	}
	counting := 0
	for name, values := range counts {
		if strings.ContainsAny(name, "{}") || len(values) > 1 {
			return paging{}, fmt.Errorf("%q gives %q more than one value, or a name in braces", text, name)
		}
		for _, p := range placeholder.FindAllString(values[0], -1) {
			if p != countOffset && p != countPage && p != countPageZero {
				return paging{}, fmt.Errorf("%q holds %s: what counts is {offset}, {page} or {page0}", text, p)
			}
			counting++
		}
	}
	if counting == 0 {
		return paging{}, fmt.Errorf("%q counts nothing, so that every page would be the first: write ?page={page} or ?offset={offset}", text)
	}
	return paging{counts: counts}, nil
}

// at returns the URL of a page that is found by counting: pages and records are those before it.
func (p *paging) at(base *url.URL, pages, records int) *url.URL {
	if p.counts == nil {
		return base
	}
	numbers := strings.NewReplacer(countOffset, strconv.Itoa(records), countPage, strconv.Itoa(pages+1), countPageZero, strconv.Itoa(pages))
	query := base.Query()
	for name, values := range p.counts {
		query.Set(name, numbers.Replace(values[0]))
	}
	u := *base
	u.RawQuery = query.Encode()
	return &u
}

// nextLink returns the target of the Link header with the relation next (RFC 8288, section 3); "" where there is none.
func nextLink(headers []string) string {
	for _, header := range headers {
		for header != "" {
			var target, parameters string
			target, parameters, header = cutLink(header)
			if target != "" && isNext(parameters) {
				return target
			}
		}
	}
	return ""
}

// cutLink takes the first link off a header.
func cutLink(header string) (target, parameters, rest string) {
	_, header, found := strings.Cut(header, "<")
	if !found {
		return "", "", ""
	}
	target, header, found = strings.Cut(header, ">")
	if !found {
		return "", "", ""
	}
	quoted := false
	for i := 0; i < len(header); i++ {
		switch c := header[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == ',' && !quoted:
			return strings.TrimSpace(target), header[:i], header[i+1:]
		}
	}
	return strings.TrimSpace(target), header, ""
}

var relation = regexp.MustCompile(`(?i)(?:^|;)\s*rel\s*=\s*(?:"([^"]*)"|([^\s;",]+))`)

// isNext tells whether next is among the relations of a link. Only the first rel counts (RFC 8288, section 3.3).
func isNext(parameters string) bool {
	m := relation.FindStringSubmatch(parameters)
	if m == nil {
		return false
	}
	for _, r := range strings.Fields(m[1] + m[2]) {
		if strings.EqualFold(r, "next") {
			return true
		}
	}
	return false
}
