// Package page is the administrator's web page.
//
// It is a client of the API like the commands are: it shows what admin.Client returns and
// sends what forms hold, so that it can do nothing that the API would not do, and every
// rule about who may do what stands in one place. The identity of the request's context goes
// along with each call.
//
// Pages are rendered here, with html/template, and work for reading without JavaScript. The
// little script that comes along (static/app.js) shows progress, previews and filters while one
// types; it asks this server alone. Nothing here writes inline scripts or styles: the
// Content-Security-Policy of the listener forbids them.
//
// Texts are English in templates and code, and translated where they are shown (see language.go).
package page
