package upstream

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// A searcher finds the DN that belongs to a login.
type searcher struct {
	base     []byte
	filter   ldapwire.Filter // with % where the login belongs
	text     string          // of the filter
	bindDN   string
	password func() (string, error)

	mu      sync.Mutex // guards what follows: the search account's last refusal
	tried   [sha256.Size]byte
	until   time.Time
	refusal error
}

// accountPause is how long a refused search account is left alone, unless its
// password changes. Trying it for each login would lock it, and once a minute
// would still do that with the usual window of half an hour.
const accountPause = 15 * time.Minute

func newSearcher(s *Search) (*searcher, error) {
	filter, err := ldapwire.ParseFilter(s.Filter)
	if err != nil {
		return nil, fmt.Errorf("search.filter %q: %w", s.Filter, err)
	}
	if countPlaces(&filter) == 0 {
		return nil, fmt.Errorf(`search.filter %q: want a %% in a value, as in "(uid=%%)"`, s.Filter)
	}
	if _, err := ldapwire.ParseDN(s.Base); err != nil {
		return nil, fmt.Errorf("search.base %q: %w", s.Base, err)
	}
	if err := checkText(s.BindDN); err != nil {
		return nil, fmt.Errorf("search.bind_dn %q: %w", s.BindDN, err)
	}
	if s.BindDN != "" && s.Password == nil {
		return nil, errors.New("search.password: missing; with search.bind_dn a password is needed")
	}
	return &searcher{base: []byte(s.Base), filter: filter, text: s.Filter, bindDN: s.BindDN, password: s.Password}, nil
}

// check refuses what has no business in a login.
func (s *searcher) check(login string) error {
	if login == "" {
		return fmt.Errorf("%w: it is empty", ErrBadLogin)
	}
	if err := checkText(login); err != nil {
		return fmt.Errorf("%w: %w", ErrBadLogin, err)
	}
	return nil
}

func countPlaces(f *ldapwire.Filter) int {
	n := bytes.Count(f.Value, percent) + bytes.Count(f.Initial, percent) + bytes.Count(f.Final, percent)
	for _, part := range f.Any {
		n += bytes.Count(part, percent)
	}
	for i := range f.Children {
		n += countPlaces(&f.Children[i])
	}
	return n
}

var percent = []byte("%")

// place puts the login into a copy of the filter. It works on the decoded tree:
// a login is a value there whatever is in it, and cannot become a filter.
func place(f ldapwire.Filter, login []byte) ldapwire.Filter {
	put := func(b []byte) []byte {
		if !bytes.Contains(b, percent) {
			return b
		}
		return bytes.ReplaceAll(b, percent, login)
	}
	f.Value, f.Initial, f.Final = put(f.Value), put(f.Initial), put(f.Final)
	f.Any = slices.Clone(f.Any)
	for i := range f.Any {
		f.Any[i] = put(f.Any[i])
	}
	f.Children = slices.Clone(f.Children)
	for i := range f.Children {
		f.Children[i] = place(f.Children[i], login)
	}
	return f
}

// find searches for the one entry of a login.
func (a *attempt) find(login string) (dn string, err error) {
	s := a.u.search
	if err := s.check(login); err != nil {
		return "", err
	}
	request := ldapwire.SearchRequest{
		BaseObject: s.base,
		Scope:      ldapwire.ScopeWholeSubtree,
		SizeLimit:  2, // enough to see that one is not the only one
		Filter:     place(s.filter, []byte(login)),
		Attributes: [][]byte{[]byte("1.1")}, // RFC 4511, section 4.5.1.8: none
	}
	var hits int
	sent := false
	err = a.do(a.u.searches, PhaseSearch, func(c *conn) (answer, fault error) {
		sent, dn, hits = true, "", 0
		c.out = ldapwire.AppendSearchRequest(c.out, c.nextID(), &request)
		if err := c.send(); err != nil {
			return nil, err
		}
		for {
			m, err := c.receive()
			switch {
			case err != nil:
				return nil, err
			case m.Op == ldapwire.OpSearchResultEntry:
				dn = string(m.Entry.DN)
				hits++
			case m.Op == ldapwire.OpSearchResultReference:
				// Other naming contexts. Active Directory always names some.
			case m.Op == ldapwire.OpSearchResultDone:
				return searchError(c.server.address, &m.Result, hits), nil
			default:
				return nil, errWrongOp
			}
		}
	})
	if err == nil {
		err = a.checkHit(dn, hits)
	}
	if sent {
		a.report(PhaseSearch, dn, err)
	}
	return dn, err
}

// searchError is the error for the end of a search; nil when it ended well, or
// when it was cut short because there is more than one hit. A success that refers elsewhere has not looked there.
func searchError(server string, r *ldapwire.Result, hits int) error {
	if r.Code == ldapwire.Success && len(r.Referral) == 0 || r.Code == ldapwire.SizeLimitExceeded && hits > 1 {
		return nil
	}
	v := judge(r.Code, r.Message)
	e := &UnavailableError{Server: server, Phase: PhaseSearch, Err: answered(r), Answer: v.answer()}
	switch r.Code {
	case ldapwire.NoSuchObject:
		e.Hint = "check search.base, and that search.bind_dn may read it"
	case ldapwire.OperationsError, ldapwire.InsufficientAccessRights:
		e.Hint = "the directory wants a bind before a search: set search.bind_dn and search.password"
	default:
		e.Hint = v.text
	}
	return e
}

// checkHit wants exactly one entry.
func (a *attempt) checkHit(dn string, hits int) error {
	switch {
	case hits == 0:
		// The directory answered, and it knows nobody of that name.
		return &RefusedError{Server: a.server, Code: ldapwire.NoSuchObject, Reason: "no entry matches search.filter"}
	case hits > 1:
		return a.unusable(errors.New("more than one entry matches"), "make search.filter or search.base narrower")
	case dn == "" || checkText(dn) != nil:
		// A bind with an empty name is an anonymous one, whatever the password.
		return a.unusable(fmt.Errorf("the entry's DN %q cannot be a bind name", printable([]byte(dn))), "rename the entry")
	}
	return nil
}

func (a *attempt) unusable(err error, hint string) error {
	return &UnavailableError{Server: a.server, Phase: PhaseSearch, Err: err, Hint: hint, Answer: Unsuited}
}

// introduce binds a fresh connection as the search account. That this account
// is refused says nothing about the user: nobody found out.
func (s *searcher) introduce(c *conn) (answer, fault error) {
	if s.bindDN == "" {
		return nil, nil
	}
	fail := func(err error, hint string) error {
		return &UnavailableError{Server: c.server.address, Phase: PhaseSearch, Err: fmt.Errorf("bind as %q: %w", s.bindDN, err), Hint: hint}
	}
	password, err := s.password()
	switch {
	case err != nil:
		return fail(err, "check search.password"), nil
	case blank([]byte(password)):
		return fail(errors.New("its password is empty"), "set search.password, or leave search.bind_dn out to search anonymously"), nil
	}
	digest := sha256.Sum256([]byte(password))
	if err := s.barred(digest); err != nil {
		return fail(err, "set search.password anew"), nil
	}
	c.out = ldapwire.AppendBindRequest(c.out, c.nextID(), 3, s.bindDN, []byte(password))
	if err := c.send(); err != nil {
		return nil, err
	}
	m, err := c.receive()
	if err != nil {
		return nil, err
	}
	if m.Op != ldapwire.OpBindResponse {
		return nil, errWrongOp
	}
	err = bindError(c.server.address, m)
	var refused *RefusedError
	var unavailable *UnavailableError
	switch {
	case errors.As(err, &refused):
		s.bar(digest, errors.New(refused.Explain()))
		return fail(errors.New(refused.Explain()), "check search.bind_dn and search.password"), nil
	case errors.As(err, &unavailable):
		e := *unavailable
		e.Phase, e.Err = PhaseSearch, fmt.Errorf("bind as %q: %w", s.bindDN, e.Err)
		return &e, nil
	}
	return nil, nil
}

func (s *searcher) barred(digest [sha256.Size]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if digest == s.tried && time.Now().Before(s.until) {
		return fmt.Errorf("not tried again before %s with the same password: %w", s.until.Format(time.TimeOnly), s.refusal)
	}
	return nil
}

func (s *searcher) bar(digest [sha256.Size]byte, refusal error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tried, s.until, s.refusal = digest, time.Now().Add(accountPause), refusal
}
