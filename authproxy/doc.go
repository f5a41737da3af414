// Package authproxy is the front: it says what a bind, a search and a compare
// mean here. It looks the user up in the store, forwards the bind to the
// upstream directory and turns what it learnt into an LDAP result.
//
// Every login ends in one of three ways, never two: accepted, refused, or could
// not find out. What is remembered of passwords is kept as keyed hashes, in
// memory only, under a key that is made anew at every start.
//
// The package writes nothing to the store but a password that its user changes.
package authproxy
