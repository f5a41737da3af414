package ldap

import (
	"fmt"

	"github.com/go-ldap/ldap/v3"
)

// maxEmptyPages bounds pages without entries in a row: Active Directory sends some
// where little matches, a server in a loop sends nothing else.
const maxEmptyPages = 1000

// pages searches below base and calls each with every entry; each may end the search
// with false. It returns the referrals to other servers, which are not followed.
//
// The control of RFC 2696 is not critical: a server without it sends all at once, and
// either ends with success or with an error.
func (x *session) pages(r *ldap.SearchRequest, size int, each func(*ldap.Entry) (more bool, err error)) (referrals []string, more bool, err error) {
	paging := ldap.NewControlPaging(uint32(size))
	r.Controls = append(r.Controls, paging)
	begun := map[string]bool{} // the first entry of each page
	for empty := 0; ; {
		found, err := x.search(r)
		if err != nil {
			return nil, false, err
		}
		referrals = append(referrals, found.Referrals...)
		if len(found.Entries) > 0 {
			first := found.Entries[0].DN
			if begun[first] {
				return nil, false, fmt.Errorf("%s sent the same page of the search below %q twice: what came before is not used", x.server, r.BaseDN)
			}
			begun[first] = true
		}
		for _, e := range found.Entries {
			if more, err := each(e); err != nil || !more {
				return nil, false, err
			}
		}
		if empty++; len(found.Entries) > 0 {
			empty = 0
		}
		next, ok := ldap.FindControl(found.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		switch {
		case !ok && len(paging.Cookie) > 0:
			// RFC 2696, section 3: each page says whether it is the last.
			return nil, false, fmt.Errorf("%s sent a page of the search below %q that does not say whether it is the last: what came before is not used", x.server, r.BaseDN)
		case !ok || len(next.Cookie) == 0:
			return referrals, true, nil
		case empty > maxEmptyPages:
			return nil, false, fmt.Errorf("%s sent %d pages in a row without an entry for the search below %q: it does not come to an end", x.server, empty, r.BaseDN)
		}
		paging.SetCookie(next.Cookie)
	}
}
