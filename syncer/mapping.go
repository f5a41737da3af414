package syncer

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer/source"
)

// A mapping is a job compiled for the columns of one fetch: it makes of a record what its entry should hold.
type mapping struct {
	job      *job
	numbers  Numbers
	key      key
	filter   *expression // nil: every record
	fields   []mappedField
	dn       int // the column of the DN; -1: none
	required []store.Field
	absent   []string // columns that the template would use, and that the source does not have
}

type mappedField struct {
	field store.Field
	expression
	column string // for messages: the column, else the field
}

// A wanted is what a record's entry should hold.
type wanted struct {
	key      string
	values   store.Values // shares memory with the record
	password string
	dn       string
	// lost: the record is rejected, and which entry was made from it cannot be told.
	lost bool
	odd  []oddNumber
}

// An oddNumber is a number that cannot be dialled, or not as it is. It is kept: somebody may read it.
type oddNumber struct {
	column, text string
	plus         bool // only the + is missing
}

// A rejection is why a record is skipped.
type rejection struct {
	column string
	reason string
}

func newMapping(j *job, columns *source.Columns, n Numbers) (*mapping, error) {
	m := &mapping{job: j, numbers: n, dn: -1}
	for _, v := range j.variables {
		if i, ok := columns.Index(v.expression); !ok && v.optional {
			m.absent = append(m.absent, v.expression)
			continue
		} else if ok && columns.Repeated(i) && v.field.UsedBy(j.kind) == store.Key {
			return nil, ambiguous(v.expression)
		}
		e, err := compile(v.expression, columns, n)
		if err != nil {
			return nil, &store.FieldError{Path: "variables." + v.field.Name, Message: err.Error()}
		}
		f := mappedField{field: v.field, expression: *e, column: v.field.Name}
		if e.column >= 0 {
			f.column = columns.Name(e.column)
		}
		m.fields = append(m.fields, f)
	}
	if err := m.setKey(columns); err != nil {
		return nil, err
	}
	if j.dn != "" {
		i, ok := columns.Index(j.dn)
		if !ok {
			return nil, &store.FieldError{Path: "authentication.dn", Message: unknownColumn(j.dn, columns)}
		}
		m.dn = i
	}
	if j.filter != "" {
		var err error
		if m.filter, err = compileFilter(j.filter, columns, n); err != nil {
			return nil, &store.FieldError{Path: "filter", Message: err.Error()}
		}
	}
	for _, f := range store.Fields() {
		use := f.UsedBy(j.kind)
		if use == store.Key && !slices.ContainsFunc(m.fields, func(x mappedField) bool { return x.field.ID == f.ID }) {
			return nil, fmt.Errorf("nothing fills the field %s, which every %s needs: %s; or set variables.%s", f.Name, j.kind, unknownColumn(f.Name, columns), f.Name)
		}
		if use == store.Required || use == store.Key {
			m.required = append(m.required, f)
		}
	}
	return m, nil
}

// keep tells whether the record counts.
func (m *mapping) keep(r *source.Record) (bool, *rejection) {
	if m.filter == nil {
		return true, nil
	}
	keep, err := m.filter.keeps(r)
	if err != nil {
		return false, &rejection{"", "filter: " + err.Error()}
	}
	return keep, nil
}

// wanted works out what the record's entry should hold. Its key is set as far as it can be told even where
// the record is rejected, so that a bad record does not remove its entry.
func (m *mapping) wanted(r *source.Record, into store.Values) (w wanted, no *rejection) {
	w.values = into[:0]
	for i := range m.fields {
		f := &m.fields[i]
		texts, err := f.values(r)
		if err != nil && no == nil {
			no = &rejection{f.column, err.Error()}
		}
		if m.job.byHand && f.field.Many {
			texts = splitCells(texts)
		}
		if f.field.ID == store.Password {
			if len(texts) > 0 {
				w.password = texts[0] // as it is: blanks are part of it
			}
			continue
		}
		if why := w.add(f, texts, m.numbers); why != "" && no == nil {
			no = &rejection{f.column, why}
		}
	}
	if m.dn >= 0 && len(r.Values[m.dn]) > 0 {
		w.dn = r.Values[m.dn][0]
		if why := checkDN(w.dn); why != "" && no == nil {
			no = &rejection{m.job.dn, why}
		}
	}
	if r.Problem != nil {
		no = &rejection{r.Problem.Column, r.Problem.Reason}
	}
	if no == nil || m.key.from != keyDerived {
		w.key = m.keyOf(r, w.values)
	}
	w.lost = no != nil && w.key == "" && m.key.from != keyColumn
	switch {
	case no != nil:
		return w, no
	case w.key == "" && m.key.from != keyDerived:
		return w, &rejection{m.job.key, "is empty, but identifies the record"}
	case len(w.key) > maxKey:
		return w, &rejection{m.job.key, fmt.Sprintf("is longer than %d bytes", maxKey)}
	}
	w.fallBack()
	for _, f := range m.required {
		if !w.values.Has(f.ID) {
			return w, &rejection{f.Name, "is empty, but every " + m.job.kind.String() + " needs it"}
		}
	}
	return w, nil
}

// checkDN says what is wrong with a DN to bind as; "" for nothing.
func checkDN(dn string) string {
	switch {
	case len(dn) > maxDN:
		return fmt.Sprintf("is longer than %d bytes", maxDN)
	case !utf8.ValidString(dn) || strings.ContainsFunc(dn, unicode.IsControl):
		return "is not UTF-8 without control characters"
	}
	return ""
}

// Bounds of the store.
const (
	maxDN     = 4096 // bytes
	maxPhoto  = 1 << 20
	maxKey    = 1024 // bytes
	maxValues = 100  // of one field, but of groups
	maxGroups = 1024
)

// add cleans the texts of a field and adds them; w.values stays ordered, since the fields come in the order of their IDs.
func (w *wanted) add(m *mappedField, texts []string, n Numbers) (why string) {
	f, first, most := &m.field, len(w.values), maxValues
	if f.ID == store.Groups {
		most = maxGroups
	}
	for _, t := range texts {
		t, err := clean(f, t)
		if err != nil {
			return err.Error()
		}
		if t == "" || slices.ContainsFunc(w.values[first:], func(v store.Value) bool { return v.Text == t }) {
			continue
		}
		if len(w.values)-first == most {
			return fmt.Sprintf("there are more than %d values", most)
		}
		if f.Matching == store.MatchNumber {
			switch {
			case isAmount(t):
				// An entry that has the number from an earlier run keeps it.
				return fmt.Sprintf("%q is what a spreadsheet made of a number, whose other digits are lost: format the column as text there and enter it again", t)
			case !dialable(t):
				w.odd = append(w.odd, oddNumber{m.column, t, false})
			case n.lostPlus(t):
				w.odd = append(w.odd, oddNumber{m.column, t, true})
			}
		}
		w.values = append(w.values, store.Value{Field: f.ID, Text: t})
		if !f.Many {
			return ""
		}
	}
	return ""
}

// clean returns the text as the store takes it: without blanks around it and, but for notes, in one line.
func clean(f *store.Field, text string) (string, error) {
	if f.Matching == store.MatchBytes {
		if len(text) > maxPhoto {
			return "", fmt.Errorf("the picture has %d bytes, and %d are allowed", len(text), maxPhoto)
		}
		return text, nil
	}
	text = strings.TrimSpace(text)
	plain := true
	for i := range len(text) {
		if c := text[i]; c < ' ' || c == 0x7f || c == 0xc2 || c == 0xe2 { // C1 and U+2028 begin with the last two
			plain = false
			break
		}
	}
	if !plain && f.ID != store.Username {
		text = strings.Map(func(c rune) rune {
			switch c {
			case '\n', '\r', '\t':
				if f.ID == store.Notes {
					return c
				}
				return ' '
			case '\u0085', '\u2028', '\u2029':
				return ' '
			}
			return c
		}, text)
	}
	if len(text) > maxText {
		return "", errTooLong
	}
	if text != "" {
		if err := checkName(f.ID, text); err != nil {
			return "", err
		}
	}
	if !plain {
		for _, c := range text {
			if (c < ' ' || c >= 0x7f && c < 0xa0) && c != '\n' && c != '\r' && c != '\t' {
				return "", fmt.Errorf("there is a control character (%U) in it", c)
			}
		}
	}
	return text, nil
}

// checkName refuses what the store cannot tell names apart by.
func checkName(f store.FieldID, text string) error {
	switch f {
	case store.Username:
		if _, ok := store.NormalizeName(text); !ok {
			return fmt.Errorf("%q is no login name: it holds a control character or is too long", shorten(text))
		}
	case store.ShortCode:
		if _, ok := store.NormalizeCode(text); !ok {
			return fmt.Errorf("%q is no short code: it must be what a phone can dial", shorten(text))
		}
	}
	return nil
}

// fallBack gives an entry without a display name the next best one.
func (w *wanted) fallBack() {
	if w.values.Has(store.DisplayName) {
		return
	}
	given, surname := w.values.First(store.GivenName), w.values.First(store.Surname)
	name := surname
	switch {
	case given != "" && surname != "":
		name = surname + ", " + given
	case given != "":
		name = given
	}
	for _, f := range []store.FieldID{store.Organisation, store.Phone, store.Mobile, store.HomePhone, store.Fax, store.Username} {
		if name == "" {
			name = w.values.First(f)
		}
	}
	if name != "" {
		w.values = w.values.With(store.DisplayName, name)
	}
}

// shorten bounds what a message quotes.
func shorten(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// unused returns the columns that nothing reads, apart from those without a name, and what they may have been meant for.
func (m *mapping) unused(columns *source.Columns) []string {
	used := map[int]bool{}
	if m.key.from == keyColumn {
		used[m.key.column] = true
	}
	for i := range m.fields {
		m.fields[i].mark(used)
	}
	if m.filter != nil {
		m.filter.mark(used)
	}
	used[m.dn] = true
	var names []string
	for i, name := range columns.Names() {
		if !used[i] && strings.Trim(name, "0123456789 ") != "" {
			if meant := nearest(name, m.absent); meant != "" {
				name += " (is it " + meant + "?)"
			}
			names = append(names, name)
		}
	}
	return names
}

func (e *expression) mark(used map[int]bool) {
	used[e.column] = true
	for _, u := range e.used {
		used[u.column] = true
	}
}
