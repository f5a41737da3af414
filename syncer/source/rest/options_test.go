package rest_test

import (
	"errors"
	"testing"

	"github.com/dialtree/dialtree/syncer/source/rest"
)

func TestOptions(t *testing.T) {
	for _, tt := range []struct {
		name    string
		options rest.Options
		option  string
		message string
	}{
		{"no URL", rest.Options{URL: "pbx"}, "url", "the url is not http://HOST/PATH or https://HOST/PATH"},
		{"a password in the URL", rest.Options{URL: "https://u:hunter2@pbx/"}, "url", "the url is not http://HOST/PATH or https://HOST/PATH"},
		{"a list without a slash", rest.Options{List: "data"}, "list", `"data" is not a JSON pointer: it begins with a slash, as in /data/contacts`},
		{"a wrong escape", rest.Options{List: "/a~2"}, "list", `"/a~2" is not a JSON pointer: a ~ in a name is written ~0, and a slash ~1`},
		{"a total without a slash", rest.Options{Total: "n"}, "total", `"n" is not a JSON pointer: it begins with a slash, as in /data/contacts`},
		{"a next of its own", rest.Options{Next: "header"}, "next", `"header" is none of: link, for the Link header; a JSON pointer to the URL of the next page, such as /next; ` +
			`parameters that count, such as ?page={page} or ?offset={offset}&limit=500`},
		{"nothing counts", rest.Options{Next: "?page=1"}, "next", `"?page=1" counts nothing, so that every page would be the first: write ?page={page} or ?offset={offset}`},
		{"an unknown count", rest.Options{Next: "?page={seite}"}, "next", `"?page={seite}" holds {seite}: what counts is {offset}, {page} or {page0}`},
		{"a brace that stays open", rest.Options{Next: "?page={page}&x={"}, "next", `"?page={page}&x={" holds {: what counts is {offset}, {page} or {page0}`},
		{"a wrong escape in a parameter", rest.Options{Next: "?page={page}&x=%zz"}, "next", `"?page={page}&x=%zz" is not what follows the ? of a URL`},
		{"a name twice", rest.Options{Next: "?page={page}&page=2"}, "next", `"?page={page}&page=2" gives "page" more than one value, or a name in braces`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.options.URL == "" {
				tt.options.URL = "https://pbx.example.com/api"
			}
			_, err := rest.New(tt.options)
			var wrong *rest.OptionError
			if !errors.As(err, &wrong) || wrong.Option != tt.option || wrong.Message != tt.message {
				t.Errorf("%v\nwant %s: %s", err, tt.option, tt.message)
			}
		})
	}
}
