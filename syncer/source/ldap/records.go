package ldap

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/dialtree/dialtree/syncer/source"
)

// Records implements source.Source.
func (s *Source) Records(ctx context.Context) iter.Seq2[source.Record, error] {
	return func(yield func(source.Record, error) bool) {
		s.notes, s.reached, s.partial = nil, mark{}, false
		if more, err := s.fetch(ctx, yield); more && err != nil {
			yield(source.Record{}, err)
		}
	}
}

// fetch yields the records; more is false when the caller wants no more.
func (s *Source) fetch(ctx context.Context, yield func(source.Record, error) bool) (more bool, err error) {
	x, err := s.open(ctx)
	if err != nil {
		return true, err
	}
	defer x.close()
	if s.dialer.InClear() {
		s.note("the connection to %s is not protected, and everybody on the way can read what is fetched: use ldaps:// or tls: {start_tls: true}", x.server)
	}
	root, err := x.rootDSE()
	if err != nil {
		return true, err
	}
	// Before the search: what changes while it runs is fetched again.
	if err := s.begin(x, root); err != nil {
		return true, err
	}
	r, err := s.reader(x, root)
	if err != nil {
		return true, err
	}
	more, err = s.entries(r, s.filter(), yield)
	if !more || err != nil {
		return more, err
	}
	s.end(r)
	if r.count == 0 && !s.partial {
		return true, s.nothing(r)
	}
	s.noteReferrals(r)
	return true, nil
}

// reader prepares what is read before the entries.
func (s *Source) reader(x *session, root rootDSE) (*reader, error) {
	names, err := x.readSchema(root)
	if err != nil {
		return nil, err
	}
	r := newReader(x, s.options.Columns, names)
	if s.options.Changes == ByTime {
		r.ask(modifyTimestamp)
	}
	if r.seen = s.seen; r.seen != nil {
		r.ask("*") // RFC 4511, section 4.5.1.8: all user attributes
	}
	if r.groupsColumn >= 0 {
		bases := s.bases
		switch {
		case s.options.Groups.Base != "":
			bases = []string{s.options.Groups.Base}
		case root.defaultContext != "":
			bases = []string{root.defaultContext}
		}
		if r.groups, err = x.readGroups(bases, s.options.Groups, s.options.PageSize); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// entries searches below each base in turn.
func (s *Source) entries(r *reader, filter string, yield func(source.Record, error) bool) (more bool, err error) {
	for _, base := range s.bases {
		before := r.count
		search := request(base, ldap.ScopeWholeSubtree, filter, r.attributes)
		stopped := false
		referrals, _, err := r.session.pages(search, s.page, func(e *ldap.Entry) (bool, error) {
			record, err := r.record(e)
			if err != nil {
				return false, err
			}
			stopped = !yield(record, nil)
			return !stopped, nil
		})
		if err != nil || stopped {
			return !stopped, err
		}
		r.referrals = append(r.referrals, referrals...)
		if r.count == before && len(s.bases) > 1 && !s.partial {
			s.note("nothing below %q matches the filter", base)
		}
	}
	return true, nil
}

// nothing is the error of a directory without a single record.
func (s *Source) nothing(r *reader) error {
	where := "below " + quotedList(s.bases)
	if len(r.referrals) > 0 {
		return fmt.Errorf("%s has no entries %s, but refers to %s: name that server, since referrals are not followed", r.session.server, where, shownReferral(r.referrals[0]))
	}
	return fmt.Errorf("nothing %s matches %s: check base and filter, and that the account may read there", where, s.options.Filter)
}

// noteReferrals says what is elsewhere. Active Directory always names partitions that
// hold DNS zones and its configuration, where no people are.
func (s *Source) noteReferrals(r *reader) {
	elsewhere := 0
	for _, referral := range r.referrals {
		lower := strings.ToLower(referral)
		if !strings.Contains(lower, "dnszones") && !strings.Contains(lower, "/cn=configuration,") {
			elsewhere++
		}
	}
	if elsewhere > 0 {
		s.note("%s refers to other servers for %d parts below the base, such as %s: they are not followed", r.session.server, elsewhere, shownReferral(r.referrals[0]))
	}
}

func quotedList(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = fmt.Sprintf("%q", s)
	}
	return strings.Join(quoted, ", ")
}

// shownReferral bounds what is quoted of a server.
func shownReferral(url string) string {
	return fmt.Sprintf("%.200q", url)
}
