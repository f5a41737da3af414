package authproxy_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy"
	tree "github.com/dialtree/dialtree/authproxy/directory"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

const base = "ou=phonebook,dc=dialtree"

// newBook serves a phonebook of n contacts named Contact 000 and on, each with a
// surname that runs the other way.
func newBook(t *testing.T, n int, change func(*authproxy.Options)) *bench {
	t.Helper()
	b := newBench(t, func(o *authproxy.Options, _ *store.Upstream) {
		if change != nil {
			change(o)
		}
	})
	c := &store.Changes{PutObjects: []store.Object{&store.Phonebook{Name: "book"}}}
	for i := range n {
		e := store.Entry{Kind: store.KindContact, Phonebook: "book", Values: store.Values{
			{Field: store.DisplayName, Text: fmt.Sprintf("Contact %03d", i)},
			{Field: store.Surname, Text: fmt.Sprintf("Surname %03d", 999-i)},
			{Field: store.Phone, Text: fmt.Sprintf("+49 30 %d", 5_000_000+i)},
		}}
		if i%2 == 0 {
			e.Values = e.Values.With(store.Organisation, fmt.Sprintf("Firm %d", i%10))
		}
		c.Put = append(c.Put, e)
	}
	b.apply(c)
	b.caughtUp()
	return b
}

// caughtUp waits until searches see the store as it is.
func (b *bench) caughtUp() {
	b.t.Helper()
	for !b.front.Current() {
		time.Sleep(time.Millisecond)
	}
}

func (b *bench) phone() *client {
	b.t.Helper()
	c := b.dial()
	if code := c.bind("reception", "phone-secret"); code != ldapwire.Success {
		b.t.Fatal(code)
	}
	return c
}

// ask sends a search and returns the names that it found, with its result.
func (c *client) ask(filter string, sizeLimit int32, controls ...ldapwire.Control) (found []string, done *ldapwire.Message) {
	c.t.Helper()
	f, err := ldapwire.ParseFilter(filter)
	if err != nil {
		c.t.Fatal(err)
	}
	s := ldapwire.SearchRequest{BaseObject: []byte(base), Scope: ldapwire.ScopeWholeSubtree, SizeLimit: sizeLimit, Filter: f, Attributes: [][]byte{[]byte("cn")}}
	c.id++
	if _, err := c.conn.Write(ldapwire.AppendSearchRequest(nil, c.id, &s, controls...)); err != nil {
		c.t.Fatal(err)
	}
	entries, done := c.answers()
	for _, m := range entries {
		found = append(found, strings.TrimPrefix(attribute(m, "cn")[0], "Contact "))
	}
	return found, done
}

func control(oid string, critical bool, value []byte) ldapwire.Control {
	return ldapwire.Control{OID: []byte(oid), Critical: critical, Value: value}
}

func paged(size int32, cookie []byte) ldapwire.Control {
	p := ldapwire.PagedResults{Size: size, Cookie: cookie}
	return control(tree.ControlPagedResults, true, p.Append(nil))
}

func sortBy(critical bool, keys ...ldapwire.SortKey) ldapwire.Control {
	return control(tree.ControlSortRequest, critical, ldapwire.AppendSortKeys(nil, keys))
}

func answerControl(m *ldapwire.Message, oid string) []byte {
	for _, c := range m.Controls {
		if string(c.OID) == oid {
			return c.Value
		}
	}
	return nil
}

func cookieOf(t *testing.T, m *ldapwire.Message) []byte {
	t.Helper()
	var p ldapwire.PagedResults
	if err := p.Decode(answerControl(m, tree.ControlPagedResults)); err != nil {
		t.Fatalf("%v: %v", m.Result.Code, err)
	}
	return bytes.Clone(p.Cookie)
}

func TestSizeLimits(t *testing.T) {
	b := newBook(t, 30, func(o *authproxy.Options) { o.Search.Entries = 20 })
	c := b.phone()
	for _, tt := range []struct {
		filter string
		limit  int32
		want   int
		code   ldapwire.ResultCode
	}{
		{"(cn=*)", 0, 20, ldapwire.SizeLimitExceeded},
		{"(cn=*)", 5, 5, ldapwire.SizeLimitExceeded},
		{"(cn=*)", 2147483647, 20, ldapwire.SizeLimitExceeded},
		{"(cn=contact 01*)", 10, 10, ldapwire.Success},
		{"(cn=contact 01*)", 9, 9, ldapwire.SizeLimitExceeded},
		{"(cn=nobody)", 1, 0, ldapwire.Success},
	} {
		found, done := c.ask(tt.filter, tt.limit)
		if len(found) != tt.want || done.Result.Code != tt.code || !slices.IsSorted(found) {
			t.Errorf("%s, size limit %d: %d entries, %v; want %d, %v", tt.filter, tt.limit, len(found), done.Result.Code, tt.want, tt.code)
		}
	}
	b.front.SetSearchLimits(authproxy.SearchLimits{})
	if found, done := c.ask("(cn=*)", 0); len(found) != 30 || done.Result.Code != ldapwire.Success {
		t.Errorf("with the default limit: %d entries, %v", len(found), done.Result.Code)
	}
}

func TestPages(t *testing.T) {
	b := newBook(t, 100, func(o *authproxy.Options) { o.Search.Entries = 40 })
	for _, tt := range []struct {
		name   string
		filter string
		size   int32
		limit  int32
		sort   []ldapwire.Control
		want   int
		first  string
		pages  int
		code   ldapwire.ResultCode
	}{
		{"in order", "(cn=*)", 30, 0, nil, 100, "000", 4, 0},
		{"a page that fits exactly", "(cn=*)", 25, 0, nil, 100, "000", 4, 0},
		{"pages as large as the server allows", "(cn=*)", 1000, 0, nil, 100, "000", 3, 0},
		{"by index", "(cn=contact 0*)", 30, 0, nil, 100, "000", 4, 0},
		{"client's own limit", "(cn=*)", 30, 50, nil, 50, "000", 2, ldapwire.SizeLimitExceeded},
		{"sorted", "(cn=*)", 30, 0, []ldapwire.Control{sortBy(true, ldapwire.SortKey{Attribute: []byte("sn")})}, 100, "099", 4, 0},
		{"sorted by several, some without", "(cn=*)", 7, 0, []ldapwire.Control{sortBy(true, ldapwire.SortKey{Attribute: []byte("o"), Reverse: true}, ldapwire.SortKey{Attribute: []byte("cn")})}, 100, "001", 15, 0},
		{"nothing", "(cn=nobody)", 30, 0, nil, 0, "", 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := b.phone()
			var all []string
			var cookie []byte
			for page := 1; ; page++ {
				found, done := c.ask(tt.filter, tt.limit, append([]ldapwire.Control{paged(tt.size, cookie)}, tt.sort...)...)
				all = append(all, found...)
				if cookie = cookieOf(t, done); len(cookie) > 0 {
					if done.Result.Code != ldapwire.Success {
						t.Fatalf("page %d: %v", page, done.Result.Code)
					}
					continue
				}
				if page != tt.pages || done.Result.Code != tt.code {
					t.Errorf("%d pages, the last with %v; want %d, %v", page, done.Result.Code, tt.pages, tt.code)
				}
				break
			}
			if len(all) != tt.want || tt.want > 0 && all[0] != tt.first {
				t.Errorf("%d entries, first %v; want %d, %s", len(all), all, tt.want, tt.first)
			}
			if slices.Sort(all); len(slices.Compact(all)) != tt.want {
				t.Errorf("some came twice: %v", all)
			}
		})
	}
}

// Pages go on over changes: what was there all the time comes exactly once.
func TestPagesOverChanges(t *testing.T) {
	b := newBook(t, 60, nil)
	c := b.phone()
	found, done := c.ask("(cn=*)", 0, paged(20, nil))
	all := found
	// The entry at which the page ended goes, and others come before and behind it.
	var changes store.Changes
	for e, err := range b.store.Entries(context.Background(), store.Query{Kind: store.KindContact}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Values.First(store.DisplayName) == "Contact 005" {
			changes.Remove = append(changes.Remove, e.Ref())
		}
	}
	for _, name := range []string{"Contact 0010", "Contact 0550"} {
		changes.Put = append(changes.Put, store.Entry{Kind: store.KindContact, Phonebook: "book", Values: store.Values{{Field: store.DisplayName, Text: name}}})
	}
	b.apply(&changes)
	b.caughtUp()
	for cookie := cookieOf(t, done); len(cookie) > 0; cookie = cookieOf(t, done) {
		found, done = c.ask("(cn=*)", 0, paged(20, cookie))
		all = append(all, found...)
	}
	for i := range 60 {
		want := 1
		name := fmt.Sprintf("%03d", i)
		if got := len(slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s != name })); got != want {
			t.Errorf("%s came %d times", name, got)
		}
	}
	if !slices.Contains(all, "0550") || slices.Contains(all, "0010") {
		t.Errorf("what came behind the page is not there, or what came before it is: %v", all)
	}
}

func TestForeignCookies(t *testing.T) {
	b := newBook(t, 30, nil)
	c := b.phone()
	_, done := c.ask("(cn=*)", 0, paged(10, nil))
	cookie := cookieOf(t, done)
	forged := bytes.Clone(cookie)
	forged[1] ^= 1
	other := b.phone()
	for _, tt := range []struct {
		name   string
		client *client
		filter string
		cookie []byte
		want   ldapwire.ResultCode
	}{
		{"of another connection", other, "(cn=*)", cookie, ldapwire.UnwillingToPerform},
		{"of another search", c, "(sn=*)", cookie, ldapwire.UnwillingToPerform},
		{"forged", c, "(cn=*)", forged, ldapwire.UnwillingToPerform},
		{"cut off", c, "(cn=*)", cookie[:10], ldapwire.UnwillingToPerform},
		{"garbage", c, "(cn=*)", []byte("garbage"), ldapwire.UnwillingToPerform},
		{"long", c, "(cn=*)", bytes.Repeat([]byte{1}, 10_000), ldapwire.UnwillingToPerform},
		{"the right one", c, "(cn=*)", cookie, ldapwire.Success},
		{"again", c, "(cn=*)", cookie, ldapwire.Success},
	} {
		if found, done := tt.client.ask(tt.filter, 0, paged(10, tt.cookie)); done.Result.Code != tt.want || (len(found) > 0) != (tt.want == 0) {
			t.Errorf("%s: %v, %d entries; want %v", tt.name, done.Result.Code, len(found), tt.want)
		}
	}
	// Whoever binds anew is somebody else.
	if code := c.bind("alice", "right"); code != ldapwire.Success {
		t.Fatal(code)
	}
	if _, done := c.ask("(cn=*)", 0, paged(10, cookie)); done.Result.Code != ldapwire.UnwillingToPerform {
		t.Errorf("after another bind: %v", done.Result.Code)
	}
	// A page of nothing: the search is given up, or only counted.
	for _, cookie := range [][]byte{nil, cookie} {
		if found, done := b.phone().ask("(cn=*)", 0, paged(0, nil)); len(found) != 0 || done.Result.Code != ldapwire.Success || len(cookieOf(t, done)) != 0 {
			t.Errorf("page size 0, cookie %x: %d entries, %v", cookie, len(found), done.Result.Code)
		}
	}
}

func TestSort(t *testing.T) {
	b := newBook(t, 6, nil)
	c := b.phone()
	key := func(attribute, rule string, reverse bool) ldapwire.SortKey {
		k := ldapwire.SortKey{Attribute: []byte(attribute), Reverse: reverse}
		if rule != "" {
			k.Rule = []byte(rule)
		}
		return k
	}
	for _, tt := range []struct {
		name    string
		control ldapwire.Control
		want    string
		code    ldapwire.ResultCode // of the search
		sort    ldapwire.ResultCode // of the sort
	}{
		{"by name", sortBy(true, key("cn", "", false)), "000 001 002 003 004 005", 0, 0},
		{"reverse", sortBy(true, key("cn", "", true)), "005 004 003 002 001 000", 0, 0},
		{"by surname", sortBy(true, key("SN", "", false)), "005 004 003 002 001 000", 0, 0},
		{"by number", sortBy(true, key("telephoneNumber", "", true)), "005 004 003 002 001 000", 0, 0},
		{"without a value last", sortBy(true, key("o", "", false)), "000 002 004 001 003 005", 0, 0},
		{"without a value first, reversed", sortBy(true, key("o", "", true)), "001 003 005 004 002 000", 0, 0},
		{"two keys", sortBy(true, key("o", "", true), key("sn", "", false)), "005 003 001 004 002 000", 0, 0},
		{"with a rule", sortBy(true, key("cn", "caseIgnoreOrderingMatch", true)), "005 004 003 002 001 000", 0, 0},
		{"with an OID", sortBy(true, key("cn", "2.5.13.3", true)), "005 004 003 002 001 000", 0, 0},
		{"by time", sortBy(true, key("createTimestamp", "", false)), "000 001 002 003 004 005", 0, 0},
		{"by an unknown attribute", sortBy(false, key("nonsense", "", false)), "000 001 002 003 004 005", 0, ldapwire.NoSuchAttribute},
		{"by an unknown attribute, critical", sortBy(true, key("nonsense", "", false)), "", ldapwire.UnavailableCriticalExtension, 0},
		{"with an unknown rule", sortBy(false, key("cn", "1.2.3", false)), "000 001 002 003 004 005", 0, ldapwire.InappropriateMatching},
		{"with an unknown rule, critical", sortBy(true, key("cn", "1.2.3", false)), "", ldapwire.UnavailableCriticalExtension, 0},
		{"by a picture, critical", sortBy(true, key("jpegPhoto", "", false)), "", ldapwire.UnavailableCriticalExtension, 0},
		{"nonsense", control(tree.ControlSortRequest, false, []byte{0x30, 0x80}), "000 001 002 003 004 005", 0, -1},
		{"nonsense, critical", control(tree.ControlSortRequest, true, []byte{0x30, 0x80}), "", ldapwire.ProtocolError, -1},
		{"no value, critical", control(tree.ControlSortRequest, true, nil), "", ldapwire.ProtocolError, -1},
	} {
		for _, filter := range []string{"(cn=*)", "(cn=contact*)"} {
			found, done := c.ask(filter, 0, tt.control)
			if got := strings.Join(found, " "); got != tt.want || done.Result.Code != tt.code {
				t.Errorf("%s: %s, %v; want %s, %v", tt.name, got, done.Result.Code, tt.want, tt.code)
			}
			var r ldapwire.SortResult
			if err := r.Decode(answerControl(done, tree.ControlSortResponse)); tt.code == 0 && (err != nil) != (tt.sort < 0) || err == nil && r.Code != tt.sort {
				t.Errorf("%s: sort result %v, %v; want %v", tt.name, r.Code, err, tt.sort)
			}
		}
	}
}

func TestVirtualListView(t *testing.T) {
	b := newBook(t, 20, func(o *authproxy.Options) { o.Search.Entries = 10 })
	c := b.phone()
	bySurname := sortBy(false, ldapwire.SortKey{Attribute: []byte("sn")}) // 019 first
	byName := sortBy(false, ldapwire.SortKey{Attribute: []byte("cn")})
	for _, tt := range []struct {
		name   string
		sort   []ldapwire.Control
		view   ldapwire.VirtualListView
		filter string
		want   string
		target int32
		view2  ldapwire.ResultCode
		code   ldapwire.ResultCode
	}{
		{"first", []ldapwire.Control{byName}, ldapwire.VirtualListView{After: 2, Offset: 1}, "(cn=*)", "000 001 002", 1, 0, 0},
		{"in the middle", []ldapwire.Control{byName}, ldapwire.VirtualListView{Before: 1, After: 1, Offset: 10, ContentCount: 20}, "(cn=*)", "008 009 010", 10, 0, 0},
		{"last", []ldapwire.Control{byName}, ldapwire.VirtualListView{Before: 2, After: 5, Offset: 7, ContentCount: 7}, "(cn=*)", "017 018 019", 20, 0, 0},
		{"scaled", []ldapwire.Control{byName}, ldapwire.VirtualListView{Offset: 50, ContentCount: 100}, "(cn=*)", "009", 10, 0, 0},
		{"before the first", []ldapwire.Control{byName}, ldapwire.VirtualListView{Before: 9, Offset: 1}, "(cn=*)", "000", 1, 0, 0},
		{"by value", []ldapwire.Control{byName}, ldapwire.VirtualListView{After: 1, AtLeast: []byte("contact 012")}, "(cn=*)", "012 013", 13, 0, 0},
		{"by a value between", []ldapwire.Control{byName}, ldapwire.VirtualListView{Before: 1, AtLeast: []byte("CONTACT 0105")}, "(cn=*)", "010 011", 12, 0, 0},
		{"by a value behind all", []ldapwire.Control{byName}, ldapwire.VirtualListView{Before: 2, AtLeast: []byte("z")}, "(cn=*)", "018 019", 21, 0, 0},
		{"in another order", []ldapwire.Control{bySurname}, ldapwire.VirtualListView{After: 1, AtLeast: []byte("surname 985")}, "(cn=*)", "014 013", 6, 0, 0},
		{"of a filter", []ldapwire.Control{byName}, ldapwire.VirtualListView{After: 9, Offset: 1}, "(cn=contact 01*)", "010 011 012 013 014 015 016 017 018 019", 1, 0, 0},
		{"huge", []ldapwire.Control{byName}, ldapwire.VirtualListView{Before: 2147483647, After: 2147483647, Offset: 2147483647, ContentCount: 2147483647}, "(cn=*)", "000 001 002 003 004 005 006 007 008 009", 20, 0, ldapwire.SizeLimitExceeded},
		{"offset 0", []ldapwire.Control{byName}, ldapwire.VirtualListView{}, "(cn=*)", "", 0, ldapwire.OffsetRangeError, ldapwire.VirtualListViewError},
		{"without a sort", nil, ldapwire.VirtualListView{After: 2, Offset: 1}, "(cn=contact 000)", "000", 0, ldapwire.SortControlMissing, 0},
	} {
		controls := append(slices.Clone(tt.sort), control(tree.ControlVirtualListView, false, tt.view.Append(nil)))
		found, done := c.ask(tt.filter, 0, controls...)
		if got := strings.Join(found, " "); got != tt.want || done.Result.Code != tt.code {
			t.Errorf("%s: %s, %v; want %s, %v", tt.name, got, done.Result.Code, tt.want, tt.code)
		}
		var r ldapwire.VirtualListViewResult
		if err := r.Decode(answerControl(done, tree.ControlListViewResult)); err != nil || r.Code != tt.view2 || r.Target != tt.target {
			t.Errorf("%s: view result %+v, %v; want target %d, %v", tt.name, r, err, tt.target, tt.view2)
		}
	}
	view := ldapwire.VirtualListView{Offset: 1}
	if _, done := c.ask("(cn=*)", 0, control(tree.ControlVirtualListView, true, view.Append(nil))); done.Result.Code != ldapwire.VirtualListViewError {
		t.Errorf("critical without a sort: %v", done.Result.Code)
	}
	if _, done := c.ask("(cn=*)", 0, byName, paged(5, nil), control(tree.ControlVirtualListView, false, view.Append(nil))); done.Result.Code != ldapwire.UnwillingToPerform {
		t.Errorf("with pages: %v", done.Result.Code)
	}
}

func TestOtherControls(t *testing.T) {
	b := newBook(t, 3, nil)
	c := b.phone()
	for _, tt := range []struct {
		name    string
		control ldapwire.Control
		want    int
		code    ldapwire.ResultCode
	}{
		{"ManageDsaIT", control(tree.ControlManageDsaIT, true, nil), 3, 0},
		{"no subentries", control(tree.ControlSubentries, true, []byte{1, 1, 0}), 3, 0},
		{"only subentries", control(tree.ControlSubentries, true, []byte{1, 1, 0xff}), 0, 0},
		{"subentries, nonsense", control(tree.ControlSubentries, true, []byte{1}), 0, ldapwire.ProtocolError},
		{"unknown", control("1.2.3", false, nil), 3, 0},
		{"unknown, critical", control("1.2.3", true, nil), 0, ldapwire.UnavailableCriticalExtension},
		{"without a name, critical", control("", true, nil), 0, ldapwire.UnavailableCriticalExtension},
		{"password policy, critical", control(tree.ControlPasswordPolicy, true, nil), 0, ldapwire.UnavailableCriticalExtension},
		{"pages, nonsense", control(tree.ControlPagedResults, false, []byte{0x30, 1}), 3, 0},
		{"pages, negative", control(tree.ControlPagedResults, true, []byte{0x30, 5, 2, 1, 0xff, 4, 0}), 0, ldapwire.ProtocolError},
		{"view, nonsense", control(tree.ControlVirtualListView, true, []byte{4, 0}), 0, ldapwire.ProtocolError},
	} {
		if found, done := c.ask("(cn=*)", 0, tt.control); len(found) != tt.want || done.Result.Code != tt.code {
			t.Errorf("%s: %d entries, %v; want %d, %v", tt.name, len(found), done.Result.Code, tt.want, tt.code)
		}
	}
}

// Whatever a search asks for, it gets an answer within its time and the connection
// lives.
func TestHostileFilters(t *testing.T) {
	b := newBook(t, 300, nil)
	c := b.phone()
	or := "(|" + strings.Repeat("(cn=*o*n*t*)", 250) + ")"
	deep := strings.Repeat("(!", 60) + "(cn=*)" + strings.Repeat(")", 60)
	for _, tt := range []struct {
		name, filter string
		want         int
	}{
		{"1,000 parts", or, 300},
		{"deep", deep, 300},
		{"huge assertion", "(cn=*" + strings.Repeat("a", 100_000) + "*)", 0},
		{"huge number", "(telephoneNumber=" + strings.Repeat("1", 100_000) + "*)", 0},
		{"invalid UTF-8", `(cn=*\ff\fe*)`, 0},
		{"not invalid UTF-8", `(!(cn=*\ff\fe*))`, 0},
		{"NUL", `(cn=*\00*)`, 300},
		{"nothing dialled", "(telephoneNumber=---)", 0},
		{"empty value", "(cn=)", 0},
		{"empty any", "(cn=*c**t*)", 300},
		{"empty and", "(&)", 300},
		{"empty or", "(|)", 0},
		{"unknown attribute", "(nonsense=*)", 0},
		{"unknown rule", "(cn:nonsense:=x)", 0},
		{"long attribute", "(" + strings.Repeat("x", 5000) + "=1)", 0},
		{"userPassword", "(userPassword=*)", 0},
	} {
		if found, done := c.ask(tt.filter, 0); len(found) != tt.want || done.Result.Code != ldapwire.Success {
			t.Errorf("%s: %d entries, %v; want %d", tt.name, len(found), done.Result.Code, tt.want)
		}
	}
}

// A search ends when its time is up, whatever it still had to look at.
func TestTimeLimit(t *testing.T) {
	now := time.Now()
	ticks := func() time.Time { now = now.Add(time.Second); return now }
	b := newBook(t, 500, func(o *authproxy.Options) { o.Search.Time = time.Minute; o.Now = ticks })
	// The front's clock is far ahead of the one that searches look at, and then far behind.
	now = now.Add(-time.Hour)
	if found, done := b.phone().ask("(!(cn=contact 499))", 0); done.Result.Code != ldapwire.TimeLimitExceeded || len(found) > 200 {
		t.Errorf("%d entries, %v", len(found), done.Result.Code)
	}
}
