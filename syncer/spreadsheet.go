package syncer

import (
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// Spreadsheets take telephone numbers for amounts: they drop the + and the leading zeros, and write long ones
// as 4,9E+11. What is lost cannot be known, so it is told and never put right here.

// isAmount tells a number whose digits a spreadsheet has dropped, such as 4,9E+11 or 4.91701E+11.
func isAmount(text string) bool {
	mantissa, exponent, found := strings.Cut(strings.ToUpper(text), "E+")
	if !found || strings.Trim(exponent, "0123456789") != "" || len(exponent) == 0 || len(exponent) > 3 {
		return false
	}
	whole, fraction, _ := strings.Cut(strings.ReplaceAll(mantissa, ",", "."), ".")
	return len(whole) == 1 && strings.Trim(whole+fraction, "0123456789") == ""
}

// shortestInternational is the digits of the shortest number that is taken for one that lost its +. Shorter ones may be
// numbers of a town.
const shortestInternational = 10

// lostPlus tells a number such as 491701234567, which is one of some country if a + stands before it, and none of this one without.
func (n Numbers) lostPlus(number string) bool {
	digits, ok := n.plain(number)
	if !ok || len(digits) < shortestInternational || digits[0] == '+' ||
		n.International != "" && strings.HasPrefix(digits, n.International) ||
		n.Trunk != "" && strings.HasPrefix(digits, n.Trunk) {
		return false
	}
	return isValid("+"+digits) && !(n.Trunk == "" && isValid("+"+n.Country+digits))
}

func isValid(international string) bool {
	parsed, err := phonenumbers.Parse(international, "")
	return err == nil && phonenumbers.IsValidNumber(parsed)
}
