package ldap

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"github.com/dialtree/dialtree/syncer/source"
)

// A reader makes records of entries, in the same memory.
type reader struct {
	session    *session
	schema     schema
	columns    *source.Columns
	attributes []string         // to ask for
	index      map[string][]int // the columns of an attribute
	forms      []form           // by column; nil: text
	values     [][]string

	dnColumn, groupsColumn int // -1: not wanted
	groups                 *groups

	seen      map[string]string // see ShowAll
	count     int
	latest    string // the latest modifyTimestamp
	referrals []string
}

// newReader makes columns of those that are wanted and that the directory has.
func newReader(x *session, wanted []string, names schema) *reader {
	r := &reader{session: x, schema: names, index: map[string][]int{}, dnColumn: -1, groupsColumn: -1}
	var header []string
	for _, name := range wanted {
		switch key := strings.ToLower(name); {
		case slices.Contains(header, name) || !names.knows(name) && key != ColumnDN && key != ColumnGroups:
			continue
		case key == ColumnDN:
			r.dnColumn = len(header)
		case key == ColumnGroups:
			r.groupsColumn = len(header)
		default:
			r.ask(name)
			key = names.canonical(name)
			r.index[key] = append(r.index[key], len(header))
		}
		header = append(header, name)
		r.forms = append(r.forms, forms(name))
	}
	if r.groupsColumn >= 0 {
		r.ask(memberOf)
		r.ask("uid") // for groups that list logins
	}
	if len(r.attributes) == 0 {
		r.attributes = []string{"1.1"} // RFC 4511, section 4.5.1.8: none
	}
	r.columns, _ = source.NewColumns(header)
	r.values = make([][]string, len(header))
	return r
}

// ask asks for an attribute that is no column.
func (r *reader) ask(name string) {
	if !slices.ContainsFunc(r.attributes, func(a string) bool { return strings.EqualFold(a, name) }) {
		r.attributes = append(r.attributes, name)
	}
}

// record makes a record of an entry.
func (r *reader) record(e *ldap.Entry) (source.Record, error) {
	r.count++
	clear(r.values)
	rec := source.Record{Row: r.count, Columns: r.columns, Values: r.values}
	if r.dnColumn >= 0 {
		r.values[r.dnColumn] = []string{e.DN}
	}
	var member, logins []string
	for _, a := range e.Attributes {
		name, part, err := r.session.whole(e.DN, a)
		if err != nil {
			return rec, err
		}
		r.see(name)
		switch strings.ToLower(name) {
		case "memberof":
			member = part.Values
		case "uid":
			logins = part.Values
		case "modifytimestamp":
			r.changed(part.Values)
		}
		for _, i := range r.index[r.schema.canonical(name)] {
			var why string
			if r.values[i], why = texts(part, r.forms[i]); why != "" {
				rec.Problem = &source.Problem{Column: r.columns.Name(i), Reason: why}
			}
		}
	}
	if r.groupsColumn >= 0 {
		r.values[r.groupsColumn] = r.groups.of(e.DN, member, logins)
	}
	return rec, nil
}

// changed notes when an entry was modified. Timestamps in UTC (RFC 4517, section
// 3.3.13) are in the order of their texts.
func (r *reader) changed(timestamps []string) {
	for _, t := range timestamps {
		r.latest = max(r.latest, t)
	}
}

// texts returns an attribute's values as a record has them, and what is wrong with them.
func texts(a *ldap.EntryAttribute, f form) (values []string, why string) {
	values = make([]string, 0, len(a.Values))
	for i, octets := range a.ByteValues {
		text, ok := a.Values[i], true
		if f != nil {
			text, ok = f(octets)
		} else if !utf8.ValidString(text) {
			ok = false
		}
		switch {
		case !ok && f == nil:
			return nil, "is neither UTF-8 nor known as binary"
		case !ok:
			return nil, fmt.Sprintf("%d octets are no such value", len(octets))
		case text != "":
			values = append(values, text)
		}
	}
	return values, ""
}
