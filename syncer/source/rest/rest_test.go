package rest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dialtree/dialtree/syncer/source"
	"github.com/dialtree/dialtree/syncer/source/rest"
)

func none() (string, error) { return "", nil }

func secret(s string) func() (string, error) { return func() (string, error) { return s, nil } }

// A server gives the same answer to each URL, which may hold HOST, and notes what it was asked.
type server struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string // method, URL and login of each request
}

func serve(t *testing.T, answer func(w http.ResponseWriter, r *http.Request)) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, strings.TrimSpace(r.URL.RequestURI()+" "+r.Header.Get("Authorization")))
		s.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// pages answers by the request URI; what it does not have is 404.
func pages(t *testing.T, of map[string]string) *server {
	t.Helper()
	var s *server
	s = serve(t, func(w http.ResponseWriter, r *http.Request) {
		text, ok := of[r.URL.RequestURI()]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if link, body, found := strings.Cut(text, "\n"); found {
			w.Header().Set("Link", strings.ReplaceAll(link, "HOST", s.URL))
			text = body
		}
		io.WriteString(w, strings.ReplaceAll(text, "HOST", s.URL))
	})
	return s
}

// A fetched is what a source gave: the columns, and each record as NAME=VALUE|VALUE, with ! before a problem.
type fetched struct {
	columns []string
	records []string
	notes   []string
	err     error
}

func fetch(t *testing.T, o rest.Options) fetched {
	t.Helper()
	return read(t, open(t, o))
}

func open(t *testing.T, o rest.Options) *rest.Source {
	t.Helper()
	if o.Password == nil {
		o.Password = none
	}
	if o.Token == nil {
		o.Token = none
	}
	o.Dir, o.Pause = t.TempDir(), time.Millisecond
	s, err := rest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// read makes sure that an error is the last thing that the source gives.
func read(t *testing.T, s *rest.Source) (f fetched) {
	t.Helper()
	for r, err := range s.Records(t.Context()) {
		if f.err != nil {
			t.Errorf("after the error it gave %v, %v", r, err)
		}
		if err != nil {
			f.err = err
			continue
		}
		if r.Row != len(f.records)+1 {
			t.Errorf("record %d has the row %d", len(f.records)+1, r.Row)
		}
		f.columns = r.Columns.Names()
		var texts []string
		for i, values := range r.Values {
			if len(values) > 0 {
				texts = append(texts, r.Columns.Name(i)+"="+strings.Join(values, "|"))
			}
		}
		if r.Problem != nil {
			texts = append(texts, "!"+r.Problem.Column+": "+r.Problem.Reason)
		}
		f.records = append(f.records, strings.Join(texts, " "))
	}
	f.notes = s.Notes()
	return f
}

// manyNames are values with the names n and a number.
func manyNames(from, to int) string {
	var names []string
	for i := from; i < to; i++ {
		names = append(names, fmt.Sprintf(`"n%d":1`, i))
	}
	return strings.Join(names, ",")
}

// nested puts a value into arrays, one in the other.
func nested(depth int, value string) string {
	return strings.Repeat("[", depth) + value + strings.Repeat("]", depth)
}

func TestRecords(t *testing.T) {
	tests := []struct {
		name string
		list string // the list itself
		want []string
	}{
		{"texts", `[{"name":"Ann","phone":"1"},{"name":"Bob"}]`, []string{"name=Ann phone=1", "name=Bob"}},
		{"numbers, booleans and null", `[{"n":4930123456789012345678,"x":1.50,"e":4.9E+11,"t":true,"f":false,"z":null}]`,
			[]string{"n=4930123456789012345678 x=1.50 e=4.9E+11 t=true f=false"}},
		{"objects", `[{"name":"Ann","address":{"city":"Ulm","geo":{"lat":48.4}}}]`, []string{"name=Ann address.city=Ulm address.geo.lat=48.4"}},
		{"arrays", `[{"phone":["1","2"],"tags":[]}]`, []string{"phone=1|2"}},
		{"arrays of objects", `[{"numbers":[{"type":"work","value":"1"},{"value":"2"}]}]`, []string{"numbers.type=work numbers.value=1|2"}},
		{"arrays of arrays", `[{"n":[["1"],["2",["3"]]]}]`, []string{"n=1|2|3"}},
		{"blanks around values, and empty ones", `[{"a":"  x ","b":"","c":" "}]`, []string{"a=x"}},
		{"a name twice", `[{"a":"1","a":"2"}]`, []string{"a=1|2"}},
		{"a path and a name", `[{"a.b":"1","a":{"b":"2"}}]`, []string{"a.b=1|2"}},
		{"columns that come late", `[{"a":"1"},{"b":"2","a":"3"}]`, []string{"a=1", "a=3 b=2"}},
		{"names that differ in blanks", `[{"a":"1"," a":"2"}]`, []string{"a=1 a 2=2"}},
		{"escapes", `[{"a":"\u00c5ngstr\u00f6m \ud83d\ude00 \n"}]`, []string{"a=Ångström 😀"}},
		{"a mark first", "\xEF\xBB\xBF" + `[{"a":"1"}]`, []string{"a=1"}},
		{"no object", `[{"a":"1"},"x",2,null,[{"a":"2"}]]`, []string{"a=1", "!: is a text, not an object with names and values",
			"!: is a number, not an object with names and values", "!: is null, not an object with names and values",
			"!: is a list, not an object with names and values"}},
		{"no UTF-8", `[{"a":"` + "J\xfcrgen" + `","b":"1"},{"a":"\ud800"}]`, []string{
			"b=1 !a: holds a character that could not be read: the server may not send UTF-8", "!a: holds a character that could not be read: the server may not send UTF-8"}},
		{"as many values as there may be", `[{"a":[` + strings.Repeat(`"",`, 999) + `"x"]}]`, []string{"a=x"}},
		{"too many values", `[{"b":"1","a":[` + strings.Repeat(`" ",`, 1000) + `"x"]}]`, []string{"b=1 !: has more than 1000 values"}},
		{"too long", `[{"b":"1","a":"` + strings.Repeat("x", 1<<20) + `","c":"1"}]`, []string{"b=1 !a: the record is longer than 1024 KiB"}},
		{"a list with names that are data", "[{" + manyNames(0, 600) + "},{" + manyNames(600, 1001) + "}]", nil},
		{"a name as long as may be", `[{"` + strings.Repeat("x", 256) + `":"1"}]`, []string{strings.Repeat("x", 256) + "=1"}},
		{"nested as deep as may be", `[{"a":` + nested(30, "1") + `}]`, []string{"a=1"}},
		{"as long as may be", `[{"a":"` + strings.Repeat("x", 1<<20-1) + `","c":"1"}]`, []string{"a=" + strings.Repeat("x", 1<<20-1) + " c=1"}},
		{"a name that is too long", `[{"b":"1","` + strings.Repeat("x", 257) + `":"1"}]`, []string{"b=1 !: holds a name that is longer than 256 bytes or no UTF-8"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := pages(t, map[string]string{"/": tt.list})
			got := fetch(t, rest.Options{URL: s.URL + "/"})
			if tt.want == nil {
				const problem = `!: holds the name "n1000", and there are 1000 others before it: names that are data cannot be columns`
				if len(got.columns) != 1000 || len(got.records) != 2 || !strings.HasSuffix(got.records[1], problem) {
					t.Errorf("%d columns, %d records, %v", len(got.columns), len(got.records), got.err)
				}
				return
			}
			if got.err != nil || !slices.Equal(got.records, tt.want) {
				t.Errorf("%q, %v\nwant %q", got.records, got.err, tt.want)
			}
		})
	}
}

func TestPaging(t *testing.T) {
	const one, two, three = `{"id":1}`, `{"id":2}`, `{"id":3}`
	tests := []struct {
		name    string
		options rest.Options
		pages   map[string]string
		asked   []string
	}{
		{"one page", rest.Options{URL: "/"}, map[string]string{"/": "[" + one + "," + two + "," + three + "]"}, []string{"/"}},
		{"a pointer to a relative URL", rest.Options{URL: "/a/b?x=1", List: "/data/items", Next: "/meta/next"}, map[string]string{
			"/a/b?x=1": `{"meta":{"next":"c?p=2"},"data":{"items":[` + one + `]}}`,
			"/a/c?p=2": `{"data":{"items":[` + two + `]},"meta":{"next":"/d"}}`,
			"/d":       `{"data":{"items":[` + three + `]},"meta":{"next":null}}`,
		}, []string{"/a/b?x=1", "/a/c?p=2", "/d"}},
		{"a pointer to whole URLs, and nothing at the end", rest.Options{URL: "/", List: "/l", Next: "/n", Total: "/t"}, map[string]string{
			"/":  `{"t":3,"n":"HOST/2","l":[` + one + `]}`,
			"/2": `{"n":"HOST/3","l":[` + two + `],"t":"3"}`,
			"/3": `{"l":[` + three + `],"t":3}`,
		}, []string{"/", "/2", "/3"}},
		{"an empty page between", rest.Options{URL: "/", List: "/l", Next: "/n"}, map[string]string{
			"/": `{"n":"/2","l":[` + one + `,` + two + `]}`, "/2": `{"n":"/3","l":null}`, "/3": `{"n":"","l":[` + three + `]}`,
		}, []string{"/", "/2", "/3"}},
		{"the Link header", rest.Options{URL: "/", Next: "link"}, map[string]string{
			"/":    `<HOST/>; rel="first", <HOST/p?2>; title="a, \"b\" <c>"; rel="last next"` + "\n[" + one + "]",
			"/p?2": `<?3>; rel=next` + "\n[" + two + "]",
			"/p?3": `<HOST/>; rel="first"` + "\n[" + three + "]",
		}, []string{"/", "/p?2", "/p?3"}},
		{"pages", rest.Options{URL: "/?k=1", Next: "?page={page}&per=1"}, map[string]string{
			"/?k=1&page=1&per=1": "[" + one + "]", "/?k=1&page=2&per=1": "[" + two + "]", "/?k=1&page=3&per=1": "[" + three + "]", "/?k=1&page=4&per=1": "[]",
		}, []string{"/?k=1&page=1&per=1", "/?k=1&page=2&per=1", "/?k=1&page=3&per=1", "/?k=1&page=4&per=1"}},
		{"pages from zero with a total", rest.Options{URL: "/", List: "/l", Total: "/t", Next: "?p={page0}"}, map[string]string{
			"/?p=0": `{"t":3,"l":[` + one + `,` + two + `]}`, "/?p=1": `{"t":3,"l":[` + three + `]}`,
		}, []string{"/?p=0", "/?p=1"}},
		{"an offset", rest.Options{URL: "/", Next: "?offset={offset}&limit=2"}, map[string]string{
			"/?limit=2&offset=0": "[" + one + "," + two + "]", "/?limit=2&offset=2": "[" + three + "]", "/?limit=2&offset=3": "[]",
		}, []string{"/?limit=2&offset=0", "/?limit=2&offset=2", "/?limit=2&offset=3"}},
		{"a pointer through names with slashes and lists", rest.Options{URL: "/", List: "/0/a~1b/~01"}, map[string]string{
			"/": `[{"a/b":{"~1":[` + one + `,` + two + `,` + three + `]},"x":{"y":[]}},{"a/b":{"~1":[9]}}]`,
		}, []string{"/"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := pages(t, tt.pages)
			tt.options.URL = s.URL + tt.options.URL
			got := fetch(t, tt.options)
			if want := []string{"id=1", "id=2", "id=3"}; got.err != nil || !slices.Equal(got.records, want) || len(got.notes) > 0 {
				t.Errorf("%q, notes %q, %v", got.records, got.notes, got.err)
			}
			if !slices.Equal(s.asked, tt.asked) {
				t.Errorf("asked %q\n want %q", s.asked, tt.asked)
			}
		})
	}
}

// What is wrong with a list changes nothing: the source ends with an error, before it gives a single record.
func TestFailures(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	of := func(pairs ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	link := rest.Options{List: "/l", Next: "/n", Total: "/t"}
	tests := []struct {
		name      string
		options   rest.Options
		pages     map[string]string
		err       string
		temporary bool
	}{
		{"no JSON", rest.Options{}, of("/", "name,phone"), "page 1: the answer is not JSON: invalid character 'a' in literal null (expecting 'u') (at byte 2)", false},
		{"cut off", rest.Options{}, of("/", `[{"a":"1"},{"a":`), "page 1: the JSON ends before it is complete: it was cut off on the way", true},
		{"cut off between records", rest.Options{}, of("/", `[{"a":"1"}`), "page 1: the JSON ends before it is complete: it was cut off on the way", true},
		{"nothing", rest.Options{}, of("/", ""), "page 1: the JSON ends before it is complete: it was cut off on the way", true},
		{"something behind", rest.Options{}, of("/", `[{"a":"1"}] []`), "page 1: the answer is not JSON: something follows its end", false},
		{"an empty list", rest.Options{List: "/l"}, of("/", `{"l":[]}`), `the list is empty: check url and list: "/l", and that the account may read it`, false},
		{"no values", rest.Options{}, of("/", `[{},{"a":null}]`), `none of the 2 records has a value: check list: ""`, false},
		{"no list there", rest.Options{List: "/data"}, of("/", `{"items":[]}`), `page 1: there is nothing at list: "/data": check it against what the server sends`, false},
		{"no list", rest.Options{List: "/data"}, of("/", `{"data":{"a":1}}`), `page 1: list: "/data" leads to an object, not to a list: check it against what the server sends`, false},
		{"an error instead", rest.Options{}, of("/", `{"error":"no"}`), `page 1: list: "" leads to an object, not to a list: check it against what the server sends`, false},
		{"two lists", rest.Options{List: "/l"}, of("/", `{"l":[{"a":1}],"l":[{"a":2}]}`), `page 1: there are two values at list: "/l"`, false},
		{"nested too deep", rest.Options{}, of("/", `[{"a":`+nested(31, "")+`}]`), "page 1: the JSON is nested more than 32 deep: is it the right list?", false},
		{"nested too deep elsewhere", rest.Options{List: "/l"}, of("/", `{"x":`+nested(32, "")+`,"l":[]}`), "page 1: the JSON is nested more than 32 deep: is it the right list?", false},
		{"no total", link, of("/", `{"l":[{"a":1}]}`), `page 1: there is nothing at total: "/t": check it against what the server sends`, false},
		{"a total that is none", link, of("/", `{"t":"many","l":[{"a":1}]}`), `page 1: total: "/t" leads to "many", which is not a number of records`, false},
		{"a total that is an object", link, of("/", `{"t":{},"l":[{"a":1}]}`), `page 1: total leads to an object, where a text or a number is needed`, false},
		{"it ends early", link, of("/", `{"t":3,"n":"/2","l":[{"a":1}]}`, "/2", `{"t":3,"l":[{"a":2}]}`),
			"the list ended early: the server says that it holds 3 records, and sent 2", true},
		{"more than the total", link, of("/", `{"t":1,"l":[{"a":1},{"a":2}]}`),
			"the server says that the list holds 1 records, and sent 2: nothing that it sent can be trusted", true},
		{"the total changes", link, of("/", `{"t":3,"n":"/2","l":[{"a":1}]}`, "/2", `{"t":2,"l":[{"a":2}]}`), "page 2: the list changes while it is read: run again later", true},
		{"in a circle", rest.Options{List: "/l", Next: "/n"}, of("/", `{"n":"/2","l":[{"a":1}]}`, "/2", `{"n":"/","l":[{"a":2}]}`),
			"page 2: the next page is one that was read already: the server leads in a circle", false},
		{"one page for ever", rest.Options{Next: "?page={page}"}, of("/?page=1", `[{"a":1}]`, "/?page=2", `[{"a":2}]`, "/?page=3", `[{"a":1}]`),
			"page 3: it holds the same records as page 1: the server sends one page again and again: check next", false},
		{"another server", rest.Options{List: "/l", Next: "/n"}, of("/", `{"n":"http://192.0.2.1/2?token=hunter2","l":[{"a":1}]}`),
			"the list goes on at http://192.0.2.1, which is another server than that of url: nothing was fetched from there", false},
		{"another port", rest.Options{List: "/l", Next: "/n"}, of("/", `{"n":"//127.0.0.1:1/2","l":[{"a":1}]}`),
			"the list goes on at http://127.0.0.1:1, which is another server than that of url: nothing was fetched from there", false},
		{"a file", rest.Options{List: "/l", Next: "/n"}, of("/", `{"n":"file:///etc/passwd","l":[{"a":1}]}`),
			"the list goes on at file://, which is another server than that of url: nothing was fetched from there", false},
		{"a next that is no URL", rest.Options{List: "/l", Next: "/n"}, of("/", `{"n":"http://[","l":[{"a":1}]}`),
			"page 1: next leads to what is no URL: check it against what the server sends", false},
		{"a next that is true", rest.Options{List: "/l", Next: "/n"}, of("/", `{"n":true,"l":[{"a":1}]}`), "page 1: next leads to true, where a text or a number is needed", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := pages(t, tt.pages)
			tt.options.URL = s.URL + "/"
			tt.options.Username, tt.options.Password = "branch", secret("hunter2")
			got := fetch(t, tt.options)
			if want := s.URL + "/: " + tt.err; got.err == nil || got.err.Error() != want || source.IsTemporary(got.err) != tt.temporary {
				t.Errorf("error %v (may pass: %v)\n want %s", got.err, source.IsTemporary(got.err), want)
			}
			if len(got.records) > 0 {
				t.Errorf("it gave %q", got.records)
			}
			s.Close()
		})
	}
}

// A list that changes while it is read is read again.
func TestListChanges(t *testing.T) {
	total := 3
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/2" {
			fmt.Fprint(w, `{"t":2,"l":[{"a":2}]}`)
			return
		}
		fmt.Fprintf(w, `{"t":%d,"n":"/2","l":[{"a":1}]}`, total)
		total = 2
	})
	got := fetch(t, rest.Options{URL: s.URL, List: "/l", Next: "/n", Total: "/t"})
	if want := []string{"a=1", "a=2"}; got.err != nil || !slices.Equal(got.records, want) {
		t.Errorf("%q, %v", got.records, got.err)
	}
	if want := []string{"the list changed while it was read, and was read again"}; !slices.Equal(got.notes, want) {
		t.Errorf("notes %q", got.notes)
	}
}

func TestTimeout(t *testing.T) {
	release := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/2" {
			io.WriteString(w, `{"l":[`)
			w.(http.Flusher).Flush()
			<-release
			return
		}
		io.WriteString(w, `{"n":"/2","l":[{"a":1}]}`)
	})
	defer close(release)
	got := fetch(t, rest.Options{URL: s.URL, List: "/l", Next: "/n", Timeout: 300 * time.Millisecond})
	if got.err == nil || !strings.Contains(got.err.Error(), "/2: nothing came for 300ms") || !source.IsTemporary(got.err) {
		t.Errorf("%v", got.err)
	}
}

func TestCancelled(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("page"))
		fmt.Fprintf(w, `[{"a":%d}]`, n)
	})
	src, err := rest.New(rest.Options{URL: s.URL, Next: "?page={page}", Password: none, Token: none, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	for _, err := range src.Records(ctx) {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	}
}

// A caller that has seen enough gets no more.
func TestCallerStops(t *testing.T) {
	s := pages(t, map[string]string{"/": `[{"a":1},{"a":2},{"a":3}]`})
	src, err := rest.New(rest.Options{URL: s.URL + "/", Password: none, Token: none, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // each call fetches anew
		n := 0
		for _, err := range src.Records(t.Context()) {
			if n++; err != nil || n == 2 {
				break
			}
		}
		if n != 2 {
			t.Errorf("%d records", n)
		}
	}
}
