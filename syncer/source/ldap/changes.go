package ldap

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

const modifyTimestamp = "modifyTimestamp"

// overlap is how far a fetch by modifyTimestamp goes back: the clocks of servers that
// replicate to each other differ, and changes of one come late to the other.
const overlap = 5 * time.Minute

// A mark is how far a fetch came.
type mark struct {
	// place is what the position counts in: the invocation ID of a domain controller's
	// database, which is another one after a restore, or the address of a server.
	place    string
	position string // an update sequence number, or a timestamp
}

// String is empty for no mark.
func (m mark) String() string {
	if m.place == "" || m.position == "" {
		return ""
	}
	return m.place + " " + m.position
}

func parseMark(text string) mark {
	place, position, _ := strings.Cut(text, " ")
	return mark{place, position}
}

// Since implements source.Incremental.
func (s *Source) Since(text string) { s.since = parseMark(text) }

// Mark implements source.Incremental.
func (s *Source) Mark() (text string, partial bool) { return s.reached.String(), s.partial }

// begin finds out where the server is, and whether only changes are wanted of it.
func (s *Source) begin(x *session, root rootDSE) error {
	switch s.options.Changes {
	case NoChanges:
		return nil
	case ByTime:
		s.reached.place = x.server
	case ByUSN:
		id, err := x.invocationID(root)
		if err != nil {
			return err
		}
		s.reached = mark{id, root.entry.GetEqualFoldAttributeValue("highestCommittedUSN")}
		if s.reached.String() == "" {
			s.note("%s does not say how far its changes go, so that everything is fetched at every run", x.server)
			return nil
		}
	}
	s.partial = s.since.place == s.reached.place && s.changed() != ""
	return nil
}

// invocationID identifies the database of a domain controller; "" where it may not be read.
func (x *session) invocationID(root rootDSE) (string, error) {
	service := root.entry.GetEqualFoldAttributeValue("dsServiceName")
	if service == "" {
		return "", nil
	}
	found, err := x.search(request(service, ldap.ScopeBaseObject, "(objectClass=*)", []string{"invocationId"}))
	if err != nil || len(found.Entries) == 0 {
		return "", unlessRefused(err)
	}
	id, _ := guid(found.Entries[0].GetEqualFoldRawAttributeValue("invocationId"))
	return id, nil
}

// changed is the filter for what changed since the mark; "" where that cannot be told.
func (s *Source) changed() string {
	if s.options.Changes == ByUSN {
		n, err := strconv.ParseUint(s.since.position, 10, 64)
		if err != nil {
			return ""
		}
		return fmt.Sprintf("(uSNChanged>=%d)", n+1)
	}
	const seconds = "20060102150405"
	position := s.since.position
	t, err := time.Parse(seconds, position[:min(len(seconds), len(position))])
	if err != nil || !strings.HasSuffix(position, "Z") {
		return ""
	}
	return fmt.Sprintf("(%s>=%sZ)", modifyTimestamp, t.Add(-overlap).Format(seconds))
}

// filter is that of the entries to fetch.
func (s *Source) filter() string {
	if !s.partial {
		return s.options.Filter
	}
	return "(&" + s.options.Filter + s.changed() + ")"
}

// end notes how far a fetch came that is complete.
func (s *Source) end(r *reader) {
	if s.options.Changes == ByTime {
		s.reached.position = r.latest
		if s.partial {
			s.reached.position = max(r.latest, s.since.position)
		}
	}
}
