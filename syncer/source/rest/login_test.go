package rest_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/dialtree/dialtree/syncer/source"
	"github.com/dialtree/dialtree/syncer/source/rest"
)

// What logs in goes to each page of the server, and a page that fails ends the whole list.
func TestLogin(t *testing.T) {
	status := http.StatusOK
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/2" && status != http.StatusOK {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(status)
			fmt.Fprint(w, `{"detail":"not now"}`)
			return
		}
		next := map[string]string{"/": `"/2"`, "/2": "null"}[r.URL.Path]
		fmt.Fprintf(w, `{"n":%s,"l":[{"a":%q}]}`, next, r.URL.Path)
	})
	o := rest.Options{URL: s.URL, List: "/l", Next: "/n", Username: "branch", Password: secret("hunter2")}
	got := fetch(t, o)
	basic := "Basic YnJhbmNoOmh1bnRlcjI="
	if want := []string{"/ " + basic, "/2 " + basic}; got.err != nil || !slices.Equal(s.asked, want) {
		t.Errorf("asked %q, %v", s.asked, got.err)
	}
	if want := []string{"the login went over the network in clear: use https"}; !slices.Equal(got.notes, want) {
		t.Errorf("notes %q", got.notes)
	}
	o.Username, o.Token, s.asked = "", secret("t0k"), nil
	if got = fetch(t, o); got.err != nil || !slices.Equal(s.asked, []string{"/ Bearer t0k", "/2 Bearer t0k"}) {
		t.Errorf("asked %q, %v", s.asked, got.err)
	}
	for code, want := range map[int]string{
		500: `the server answered 500 Internal Server Error instead of the list: try again later (it says "not now")`,
		401: "the server refused the login (401): check username and password, or token",
		403: `the server does not allow it (403): check the rights of the account there (it says "not now")`,
		404: `there is no such list (404): check url (it says "not now")`,
		429: `the server answered 429 Too Many Requests instead of the list: try again later (it says "not now")`,
	} {
		status = code
		got := fetch(t, o)
		if got.err == nil || got.err.Error() != s.URL+"/2: "+want || len(got.records) > 0 || source.IsTemporary(got.err) != (code == 500 || code == 429) {
			t.Errorf("%d: %v, %q\nwant %s", code, got.err, got.records, want)
		}
	}
}
