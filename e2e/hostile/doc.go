// Package hostile is an LDAP client that means harm. It makes cases, each a name and the bytes of one
// connection, and drives them at any LDAP address: plain, after StartTLS, or LDAPS.
//
// Which cases there are depends on a Subject and, for random ones, on a seed, and on nothing else: a case
// is found again by its class and name. What a case must come to, where RFC 4511 says so, stands in the
// case; Drive reports every answer that is not that, and every one that no server may ever give: an
// accepted bind without the right password, a word after the Notice of Disconnection, something that is
// private.
//
// The encoding here is its own, apart from the product's: a mistake in one of them must not hide in the
// other.
package hostile
