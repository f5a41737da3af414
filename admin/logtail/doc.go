// Package logtail keeps the last records of a log in memory, so that the page and the API
// can show them. It writes nothing: the handler behind it does.
//
// What a record shows of a value is its text, cut to a length for people. A secret's text is
// "[secret]", by its own type.
package logtail
