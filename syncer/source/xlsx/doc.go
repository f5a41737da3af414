// Package xlsx reads sheets of xlsx files, as Excel, LibreOffice and programs write them, and writes
// templates to be filled in.
//
// A value is what the spreadsheet shows, with one exception: a number that it shows in scientific notation is read in
// full. Formulas are never computed: their result is what was saved.
//
// An xlsx file is a ZIP archive from wherever, and the library that reads it passes over what it cannot read. So
// every part is checked first: its size, its checksum, and the XML of the sheets to the end. Only then is it read.
package xlsx
