package directory_test

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/dialtree/dialtree/authproxy/directory"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

// The oracle says what a filter is on an entry by another way than the package:
// no index, no prepared values, texts as words, parts as regular expressions, and
// numbers as the set of their spellings.
type oracle struct{ country, trunk, international string }

const (
	no, yes, unknown = directory.False, directory.True, directory.Undefined
)

// compile returns the judge of a filter.
func (o oracle) compile(f *ldapwire.Filter) func(*store.Entry) directory.Truth {
	var kids []func(*store.Entry) directory.Truth
	for i := range f.Children {
		kids = append(kids, o.compile(&f.Children[i]))
	}
	all := func(e *store.Entry) (truths []directory.Truth) {
		for _, kid := range kids {
			truths = append(truths, kid(e))
		}
		return truths
	}
	switch f.Kind {
	case ldapwire.FilterAnd:
		return func(e *store.Entry) directory.Truth { return decide(all(e), no, yes) }
	case ldapwire.FilterOr:
		return func(e *store.Entry) directory.Truth { return decide(all(e), yes, no) }
	case ldapwire.FilterNot:
		return func(e *store.Entry) directory.Truth {
			return map[directory.Truth]directory.Truth{no: yes, yes: no, unknown: unknown}[kids[0](e)]
		}
	}
	return o.item(f)
}

// decide is what an and or an or comes to: the value that settles it, else unknown
// where one is, else the other.
func decide(kids []directory.Truth, settles, otherwise directory.Truth) directory.Truth {
	switch {
	case slices.Contains(kids, settles):
		return settles
	case slices.Contains(kids, unknown):
		return unknown
	}
	return otherwise
}

var oracleFields = map[string]store.FieldID{
	"cn": store.DisplayName, "displayname": store.DisplayName, "name": store.DisplayName, "commonname": store.DisplayName, "2.5.4.3": store.DisplayName,
	"sn": store.Surname, "surname": store.Surname, "givenname": store.GivenName, "gn": store.GivenName, "o": store.Organisation, "company": store.Organisation,
	"mail": store.Email, "title": store.Job, "description": store.Notes, "telephonenumber": store.Phone, "ipphone": store.Phone, "mobile": store.Mobile,
	"homephone": store.HomePhone, "fax": store.Fax, "facsimiletelephonenumber": store.Fax,
}

func (o oracle) item(f *ldapwire.Filter) func(*store.Entry) directory.Truth {
	always := func(t directory.Truth) func(*store.Entry) directory.Truth {
		return func(*store.Entry) directory.Truth { return t }
	}
	name := strings.ToLower(string(f.Attribute))
	if name == "objectclass" {
		switch f.Kind {
		case ldapwire.FilterPresent:
			return always(yes)
		case ldapwire.FilterEqualityMatch, ldapwire.FilterApproxMatch:
			return always(truth(slices.Contains([]string{"top", "person", "organizationalperson", "inetorgperson"}, strings.ToLower(string(f.Value)))))
		}
		return always(unknown)
	}
	field, known := oracleFields[name]
	if !known {
		return always(unknown)
	}
	if f.Kind == ldapwire.FilterPresent {
		return func(e *store.Entry) directory.Truth { return truth(field == store.Surname || e.Values.Has(field)) }
	}
	test, ok := o.text(f)
	if store.FieldByID(field).Matching == store.MatchNumber {
		test, ok = o.number(f)
	}
	if !ok {
		return always(unknown) // whether the entry has the attribute or not
	}
	return func(e *store.Entry) directory.Truth {
		values := e.Values.All(field)
		if field == store.Surname && len(values) == 0 {
			values = e.Values.All(store.DisplayName)
		}
		return truth(slices.ContainsFunc(values, test))
	}
}

func truth(b bool) directory.Truth {
	if b {
		return yes
	}
	return no
}

// text returns the test of a text value.
func (o oracle) text(f *ldapwire.Filter) (func(string) bool, bool) {
	switch f.Kind {
	case ldapwire.FilterGreaterOrEqual:
		return func(v string) bool {
			return spaced(bare(fold(v))) >= spaced(bare(fold(string(f.Value))))
		}, true
	case ldapwire.FilterLessOrEqual:
		return func(v string) bool {
			return isUpperBound(f.Value) || spaced(bare(fold(v))) <= spaced(bare(fold(string(f.Value))))
		}, true
	}
	pattern, marks := textPattern(f)
	return func(v string) bool {
		v = fold(v)
		if marks {
			return v != bare(v) && pattern.MatchString(spaced(v))
		}
		return pattern.MatchString(spaced(bare(v))) || pattern.MatchString(spaced(bare(pairs(v))))
	}, true
}

func isUpperBound(v []byte) bool { return len(v) > 1 && strings.Trim(string(v), "zZ") == "" }

// fold is RFC 4518's mapping, folding and normalizing of what the tests generate.
func fold(s string) string { return norm.NFKC.String(cases.Fold().String(s)) }

func bare(s string) string {
	s = norm.NFC.String(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(s)))
	return strings.NewReplacer("ø", "o", "ł", "l", "ı", "i", "æ", "ae").Replace(s)
}

func pairs(s string) string {
	return strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "å", "aa", "ø", "oe").Replace(norm.NFC.String(s))
}

// spaced is a value with a blank at each end and two between words.
func spaced(s string) string { return " " + strings.Join(strings.Fields(s), "  ") + " " }

var blanks = regexp.MustCompile(` +`)

// textPattern makes one regular expression of an assertion, and tells whether it has
// marks.
func textPattern(f *ldapwire.Filter) (*regexp.Regexp, bool) {
	marks := false
	quote := func(b []byte, begins, ends bool) string {
		s := fold(string(b))
		marks = marks || s != bare(s)
		s = blanks.ReplaceAllStringFunc(s, func(string) string { return "  " })
		if strings.HasPrefix(s, "  ") {
			s = s[1:]
		}
		if strings.HasSuffix(s, "  ") {
			s = s[:len(s)-1]
		}
		if begins && !strings.HasPrefix(s, " ") {
			s = " " + s
		}
		if ends && !strings.HasSuffix(s, " ") {
			s += " "
		}
		return regexp.QuoteMeta(s)
	}
	if f.Kind != ldapwire.FilterSubstrings {
		return regexp.MustCompile("^" + regexp.QuoteMeta(spaced(fold(string(f.Value)))) + "$"), fold(string(f.Value)) != bare(fold(string(f.Value)))
	}
	text := "^"
	if f.Initial != nil {
		text += quote(f.Initial, true, false)
	}
	for _, part := range f.Any {
		text += ".*" + quote(part, false, false)
	}
	text += ".*"
	if f.Final != nil {
		text += quote(f.Final, false, true)
	}
	return regexp.MustCompile("(?s)" + text + "$"), marks
}

var (
	scheme     = regexp.MustCompile(`(?i)^tel:`)
	bracketed  = regexp.MustCompile(`^(\s*(?:\+|00)[0-9 .-]*)\(0\)`)
	onlyDigits = regexp.MustCompile(`^[0-9]+$`)
	notDialled = regexp.MustCompile(`[^0-9+*#\pL]`)
	innerPlus  = regexp.MustCompile(`(.)\++`)
)

// dialled is what is left of a number without decoration.
func (o oracle) dialled(s string) string {
	s = bracketed.ReplaceAllString(strings.ToLower(scheme.ReplaceAllString(s, "")), "$1")
	return innerPlus.ReplaceAllString(notDialled.ReplaceAllString(s, ""), "$1")
}

// e164 is the number with + and country code, "" for one that does not say which
// country it is of.
func (o oracle) e164(s string) string {
	switch {
	case strings.HasPrefix(s, "+") && onlyDigits.MatchString(s[1:]):
		s = s[1:]
	case !onlyDigits.MatchString(s):
		return ""
	case strings.HasPrefix(s, o.international) && len(s) > len(o.international)+4:
		s = s[len(o.international):]
	case strings.HasPrefix(s, o.trunk) && len(s) > 4:
		s = o.country + s[len(o.trunk):]
	default:
		return ""
	}
	for strings.HasPrefix(s, o.country+o.trunk) {
		s = o.country + s[len(o.country)+len(o.trunk):]
	}
	return "+" + s
}

// spellings are all ways to write a stored number.
func (o oracle) spellings(v string) (spellings []string, bare, international string) {
	s := o.dialled(v)
	n := strings.TrimPrefix(o.e164(s), "+")
	if n == "" {
		return []string{strings.TrimPrefix(s, "+")}, "", ""
	}
	spellings = []string{"+" + n}
	if strings.HasPrefix(n, o.country) {
		spellings = append(spellings, o.trunk+n[len(o.country):])
	}
	return spellings, n, o.international + n
}

// number returns the test of a number.
func (o oracle) number(f *ldapwire.Filter) (func(string) bool, bool) {
	if f.Kind == ldapwire.FilterSubstrings {
		return o.numberParts(f)
	}
	want := o.dialled(string(f.Value))
	if want == "" {
		return nil, false
	}
	if upper := f.Kind == ldapwire.FilterLessOrEqual; upper && isUpperBound(f.Value) {
		return func(v string) bool { return o.dialled(v) != "" && o.dialled(v) != "+" }, true
	}
	if f.Kind == ldapwire.FilterGreaterOrEqual || f.Kind == ldapwire.FilterLessOrEqual {
		return func(v string) bool {
			all, bare, international := o.spellings(v)
			if bare != "" {
				all = append(all, bare, international)
			}
			return slices.ContainsFunc(all, func(s string) bool {
				return s != "" && (f.Kind == ldapwire.FilterGreaterOrEqual && s >= want || f.Kind == ldapwire.FilterLessOrEqual && s <= want)
			})
		}, true
	}
	if want == "+" {
		return nil, false
	}
	return func(v string) bool {
		stored, bare, _ := o.spellings(v)
		if bare != "" && want == bare && len(want) > 4 {
			return true
		}
		asserted, _, _ := o.spellings(want)
		return slices.Contains(stored, asserted[0]) && (strings.HasPrefix(asserted[0], "+") || bare == "")
	}, true
}

func (o oracle) numberParts(f *ldapwire.Filter) (func(string) bool, bool) {
	ok := true
	quote := func(b []byte) string {
		s := o.dialled(string(b))
		ok = ok && s != ""
		return regexp.QuoteMeta(s)
	}
	text := "^"
	if f.Initial != nil {
		trunk := regexp.MustCompile(`^((?:\\\+|` + o.international + `)` + o.country + `)(?:` + o.trunk + `)*`)
		text += trunk.ReplaceAllString(quote(f.Initial), "$1")
	}
	for _, part := range f.Any {
		text += ".*" + quote(part)
	}
	text += ".*"
	if f.Final != nil {
		text += quote(f.Final)
	}
	if !ok {
		return nil, false
	}
	pattern := regexp.MustCompile(text + "$")
	return func(v string) bool {
		all, bare, international := o.spellings(v)
		if bare != "" && (f.Initial == nil || len(o.dialled(string(f.Initial))) >= 6) {
			all = append(all, bare)
		}
		if international != "" && f.Initial != nil {
			all = append(all, international)
		}
		return slices.ContainsFunc(all, func(s string) bool { return s != "" && pattern.MatchString(s) })
	}, true
}
