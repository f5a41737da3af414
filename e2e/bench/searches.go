//go:build linux

package main

import (
	"math/rand/v2"
	"strings"
	"unicode"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// A searchCase is a kind of search. What it looks for comes from a contact that is
// there, so that the frequent is often looked for.
type searchCase struct {
	title      string
	attributes []string
	sizeLimit  int
	filter     func(r *rand.Rand, c contact) fixture.Filter
}

const (
	// typeAhead is the size limit that phones ask for while somebody types.
	typeAhead = 50
	// serverLimit is what both servers send at most unless they are told otherwise.
	// Cisco's phones set no limit; the bulk read needs a higher one.
	serverLimit = 500
)

// searchCases are those of people and phones; the last ones have the filters, the attributes and the limits
// that the makes of phones send.
func searchCases() []searchCase {
	names := []string{"cn", "sn", "telephoneNumber"}
	all := []string{"cn", "o", "telephoneNumber", "mobile", "homePhone"}
	return []searchCase{
		{"a number, `(telephoneNumber=N)`", names, 0, func(_ *rand.Rand, c contact) fixture.Filter {
			return fixture.Equal("telephoneNumber", c.phone)
		}},
		{"its last five digits, `(telephoneNumber=*12345)`", names, typeAhead, func(_ *rand.Rand, c contact) fixture.Filter {
			return fixture.Suffix("telephoneNumber", lastDigits(c.phone, 5))
		}},
		{"begin of a surname, `(sn=abcd*)`", names, typeAhead, func(_ *rand.Rand, c contact) fixture.Filter {
			return fixture.Prefix("sn", begin(c.surname, 4))
		}},
		{"begin of a name, `(|(cn=ab*)(sn=ab*))`", names, typeAhead, func(r *rand.Rand, c contact) fixture.Filter {
			s := begin(either(r, c.given, c.surname), 2)
			return fixture.Or(fixture.Prefix("cn", s), fixture.Prefix("sn", s))
		}},
		{"three letters in a name, `(|(cn=*xxx*)(sn=xxx*))`", names, typeAhead, insideName(3)},
		{"four letters in a name, `(|(cn=*xxxx*)(sn=xxxx*))`", names, typeAhead, insideName(4)},
		{"Yealink, `(|(cn=*xxxx*)(o=*xxxx*))`", all, typeAhead, func(r *rand.Rand, c contact) fixture.Filter {
			s := inside(r, either(r, c.surname, c.organisation), 4)
			return fixture.Or(fixture.Contains("cn", s), fixture.Contains("o", s))
		}},
		{"Yealink, `(|(telephoneNumber=N)(mobile=N)(homePhone=N))`", all, typeAhead, func(r *rand.Rand, c contact) fixture.Filter {
			n := either(r, c.phone, c.mobile)
			return fixture.Or(fixture.Equal("telephoneNumber", n), fixture.Equal("mobile", n), fixture.Equal("homePhone", n))
		}},
		{"Cisco, `(cn=*ann*)`", names, serverLimit, func(r *rand.Rand, c contact) fixture.Filter {
			return fixture.Contains("cn", inside(r, either(r, c.given, c.surname), 3))
		}},
		{"Cisco, `(&(sn=sch*)(cn=*anna*))`", names, serverLimit, func(_ *rand.Rand, c contact) fixture.Filter {
			return fixture.And(fixture.Prefix("sn", begin(c.surname, 3)), fixture.Contains("cn", begin(c.given, 4)))
		}},
	}
}

func insideName(letters int) func(r *rand.Rand, c contact) fixture.Filter {
	return func(r *rand.Rand, c contact) fixture.Filter {
		s := inside(r, either(r, c.given, c.surname), letters)
		return fixture.Or(fixture.Contains("cn", s), fixture.Prefix("sn", s))
	}
}

// bulk reads every contact, as softphones do that keep a copy.
func bulk() searchCase {
	return searchCase{"everything, `(objectClass=inetOrgPerson)`", []string{"cn", "sn", "givenName", "o", "telephoneNumber", "mobile"}, 0,
		func(*rand.Rand, contact) fixture.Filter { return fixture.Equal("objectClass", "inetOrgPerson") }}
}

// searches are n searches of a case among the first contacts, the same in every
// run.
func (c searchCase) searches(base string, contacts, n int) []fixture.Search {
	r := rand.New(rand.NewPCG(uint64(contacts), 7))
	list := make([]fixture.Search, n)
	for i := range list {
		list[i] = fixture.Search{Base: base, Scope: fixture.WholeSubtree, Filter: c.filter(r, contactAt(r.IntN(contacts), 0)), Attributes: c.attributes, SizeLimit: c.sizeLimit}
	}
	return list
}

func encode(searches []fixture.Search) [][]byte {
	requests := make([][]byte, len(searches))
	for i, s := range searches {
		requests[i] = s.Request(firstID)
	}
	return requests
}

// either is one of two values; the first where the second is empty.
func either(r *rand.Rand, a, b string) string {
	if b == "" || r.IntN(2) == 0 {
		return a
	}
	return b
}

// begin is the first letters of s, in lower case as they are typed.
func begin(s string, letters int) string {
	runes := []rune(strings.ToLower(s))
	return string(runes[:min(letters, len(runes))])
}

// inside is some letters of the first word of s, from anywhere in it.
func inside(r *rand.Rand, s string, letters int) string {
	word := []rune(firstWord(strings.ToLower(s)))
	at := r.IntN(max(1, len(word)-letters+1))
	return string(word[at:min(at+letters, len(word))])
}

func firstWord(s string) string {
	return strings.FieldsFunc(s, func(c rune) bool { return !unicode.IsLetter(c) })[0]
}

// lastDigits is the end of a number as somebody types it.
func lastDigits(number string, n int) string {
	digits := strings.Map(func(c rune) rune {
		if '0' <= c && c <= '9' {
			return c
		}
		return -1
	}, number)
	return digits[len(digits)-n:]
}
