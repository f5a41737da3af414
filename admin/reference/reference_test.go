package reference_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/dialtree/dialtree/admin/reference"
)

const hostile = `</code><script>alert(1)</script>" onload='x'`

// A tree is in itself.
type tree struct {
	Name  string `json:"name" doc:"What it is called" maxLength:"9" example:"oak"`
	Under []tree `json:"under,omitempty"`
}

type input struct {
	ID   string `path:"id" doc:"Which one"`
	Kind string `query:"kind" required:"true" enum:"a,b"`
	Body tree
}

type output struct{ Body map[string]tree }

// rendered is the page of an API of one operation.
func rendered(t *testing.T, op huma.Operation, o reference.Options) string {
	t.Helper()
	api := humago.New(http.NewServeMux(), huma.DefaultConfig("Trees", "v1"))
	huma.Register(api, op, func(context.Context, *input) (*output, error) { return nil, nil })
	page, err := reference.Render(api.OpenAPI(), o)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func plant() huma.Operation {
	return huma.Operation{OperationID: "plant", Method: http.MethodPut, Path: "/trees/{id}", Tags: []string{"trees"}, Summary: "Plant a tree",
		Description: "It `grows`.", Extensions: map[string]any{"x-scope": "read"}}
}

func TestRender(t *testing.T) {
	page := rendered(t, plant(), reference.Options{Style: "/s.css", Address: "https://pbx.example.com", Socket: "/run/it's.sock"})
	for name, want := range map[string]string{
		"code in texts":         "<p>It <code>grows</code>.</p>",
		"a required parameter":  "<code>kind</code> <b>required</b></th><td>query, a, b</td>",
		"limits and an example": "What it is called (at most 9 characters; such as <code>oak</code>)",
		"values of a map":       "<code>NAME.name</code>",
		"a tree in a tree":      `<code>under</code></th><td>list of <a href="#schema-Tree">Tree</a>`,
		"the scope":             "scope <code>read</code>",
		"the style":             `href="/s.css"`,
		"a command over TLS":    "curl -H &#34;Authorization: Bearer $TOKEN&#34; -X PUT",
		"what it sends":         `-d &#39;{&#34;name&#34;:&#34;oak&#34;}&#39; &#39;https://pbx.example.com/trees/ID?kind=a&#39;`,
		"a command on the host": `curl --unix-socket &#39;/run/it&#39;\&#39;&#39;s.sock&#39;`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%s: no %s", name, want)
		}
	}
}

// What a description holds is text, wherever it stands.
func TestHostileText(t *testing.T) {
	op := plant()
	op.OperationID, op.Summary, op.Description, op.Tags = hostile, hostile, hostile+"`"+hostile+"`", []string{hostile}
	op.Extensions = map[string]any{"x-scope": hostile}
	page := rendered(t, op, reference.Options{Style: hostile, Address: hostile, Socket: hostile})
	for _, forbidden := range []string{"<script", `" onload`} {
		if n := strings.Count(page, forbidden); n > 0 {
			t.Errorf("the page has %s %d times", forbidden, n)
		}
	}
	if !strings.Contains(page, "&lt;script&gt;") {
		t.Error("the text is not there at all")
	}
}
