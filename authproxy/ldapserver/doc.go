// Package ldapserver accepts LDAP connections and hands their requests, one at
// a time and in order, to a Handler.
//
// It owns what a connection is: listeners, TLS and StartTLS, the PROXY
// protocol, message framing, deadlines, limits, Abandon, Cancel, Unbind, the
// Notice of Disconnection and shutdown. What a bind or a search means is the
// handler's.
package ldapserver
