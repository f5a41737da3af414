package syncer

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// Numbers are the numbering settings.
type Numbers struct {
	Country       string // "49"
	Trunk         string // "0": what is dialled before an area code; empty: nothing
	International string // "00": what is dialled before a country code
}

func (n Numbers) check() error {
	country, err := strconv.Atoi(n.Country)
	if err != nil || phonenumbers.GetRegionCodeForCountryCode(country) == phonenumbers.UNKNOWN_REGION {
		return fmt.Errorf("numbers.country: %q is not a country's calling code such as 49", n.Country)
	}
	for name, prefix := range map[string]string{"trunk": n.Trunk, "international": n.International} {
		if strings.Trim(prefix, "0123456789") != "" {
			return fmt.Errorf("numbers.%s: %q is not digits", name, prefix)
		}
	}
	return nil
}

// readable are the characters that people write into numbers to make them readable.
const readable = " -/.()\u00a0\u2010\u2011\u2012\u2013"

// maxNumber bounds what is looked at as a number.
const maxNumber = 100

// e164 returns a number in the form +493012345 where it is one with an area code. What is none, such as an extension, a
// feature code or a word, stays as it is.
func (n Numbers) e164(number string) string {
	digits, ok := n.plain(number)
	if !ok {
		return number
	}
	international := ""
	switch {
	case strings.HasPrefix(digits, "+"):
		international = digits
	case n.International != "" && strings.HasPrefix(digits, n.International):
		international = "+" + digits[len(n.International):]
	case n.Trunk != "" && strings.HasPrefix(digits, n.Trunk):
		international = "+" + n.Country + digits[len(n.Trunk):]
	case n.Trunk == "":
		international = "+" + n.Country + digits
	default:
		return number // no prefix: an extension
	}
	parsed, err := phonenumbers.Parse(international, "")
	if err != nil || !phonenumbers.IsPossibleNumber(parsed) {
		return number
	}
	return phonenumbers.Format(parsed, phonenumbers.E164)
}

// plain drops what people write into numbers to make them readable, among it the (0) behind
// a country code. It is false for what is no number.
func (n Numbers) plain(number string) (string, bool) {
	if len(number) > maxNumber {
		return "", false
	}
	if n.Trunk != "" && strings.HasPrefix(strings.TrimSpace(number), "+") {
		number = strings.Replace(number, "("+n.Trunk+")", "", 1)
	}
	var b strings.Builder
	for _, c := range number {
		switch {
		case '0' <= c && c <= '9', c == '+' && b.Len() == 0:
			b.WriteRune(c)
		case strings.ContainsRune(readable, c):
		default:
			return "", false
		}
	}
	return b.String(), b.Len() > 1
}

// dialable tells whether a phone or PBX can dial a number as it is written: an international or national number, an extension, a
// feature code or a SIP address. Words beside a number are not dialled.
func dialable(number string) bool {
	if len(number) > maxNumber {
		return false
	}
	if user, host, sip := strings.Cut(number, "@"); sip {
		return user != "" && host != "" && !strings.ContainsAny(number, " <>\"")
	}
	something := false
	for i, c := range number {
		switch {
		case '0' <= c && c <= '9', c == '*', c == '#':
			something = true
		case c == '+' && strings.Trim(number[:i], " (") == "":
		case strings.ContainsRune(readable, c):
		default:
			return false
		}
	}
	return something
}
