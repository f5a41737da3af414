// Package csv reads the CSV files that spreadsheets, PBXs and scripts really write: in any
// of the usual encodings, with any delimiter, with line breaks inside values, with columns that occur
// twice, with rows of the wrong length.
//
// It differs from RFC 4180 and encoding/csv where such files need it: a row may have fewer cells than the
// header, an enclosure inside a cell that does not begin with one is an ordinary character, a row
// that is malformed is a record with a Problem rather than the end, and empty rows are skipped. What both
// accept, both read the same, apart from line breaks inside a cell, which stay as they are.
//
// An apostrophe that an export of ours put before what a spreadsheet would compute is taken off again
// (package csvcell): '=1 is read as =1, and 's Gravenhage as it is.
//
// A file is streamed: memory is bounded by the longest row. Nothing is guessed silently: what
// auto finds is in Notes.
package csv
