// Package csvcell keeps spreadsheets from taking a cell of a CSV file for a formula, and undoes that
// when the file is read again (OWASP ASVS 5.0, 1.2.10).
//
// A spreadsheet computes a cell that begins with = + - @ or a control character, whatever encloses
// it: a contact's name could send the phonebook to somebody when an administrator opens the export.
// An apostrophe in front makes it text. Telephone numbers such as +49 30 1234 are no formulas worth
// the name and stay what every program reads.
package csvcell

import (
	"strings"
	"unicode/utf8"
)

// triggers are the characters that a formula begins with, their full-width forms among them.
const triggers = "=+-@\t\r\n＝＋－＠"

// Escape returns the text as a cell that no spreadsheet computes.
func Escape(text string) string {
	if isFormula(text) {
		return "'" + text
	}
	return text
}

// Unescape returns the text that Escape was given.
func Unescape(cell string) string {
	if strings.HasPrefix(cell, "'") && isFormula(cell) {
		return cell[1:]
	}
	return cell
}

// isFormula tells whether there is a formula behind apostrophes, if any: those that a text has of its
// own must be told from the one that Escape puts in front.
func isFormula(text string) bool {
	text = strings.TrimLeft(text, "'")
	first, size := utf8.DecodeRuneInString(text)
	return size > 0 && strings.ContainsRune(triggers, first) && !isNumber(text)
}

// isNumber tells whether a text is a telephone number that begins with a +.
func isNumber(text string) bool {
	return len(text) > 1 && text[0] == '+' && '0' <= text[1] && text[1] <= '9' && strings.Trim(text[1:], "0123456789 ()/.;-+") == ""
}
