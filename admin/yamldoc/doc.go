// Package yamldoc reads YAML strictly: every key must be known, every value must
// have the type that is expected, and every mistake is told with its file, line,
// path and an example of what is wanted. All mistakes of a document are reported,
// not the first one only.
//
// Anchors, aliases, merge keys and custom tags are refused: they hide what a
// document says, and a few lines of them can expand to gigabytes.
//
// Messages hold the names of keys, and values of plain types (a number that is out
// of range, a word that is no duration). They never hold a value whose type decodes
// itself, so that a mistake in a password does not print it.
package yamldoc
