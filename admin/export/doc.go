// Package export writes entries as files for people and other programs: CSV, xlsx and vCard.
//
// What is written is read again by an import of the same kind. No file holds a password or how a
// user logs in. Tables leave pictures out, and join the values of a field that holds many by a
// semicolon, so that a value with a semicolon in it becomes two.
package export
