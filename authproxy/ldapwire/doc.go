// Package ldapwire is the wire format of LDAP: BER as far as RFC 4511, section
// 5.1, allows it, and every LDAPMessage of RFC 4511, section 4.
//
// It decodes into structures that the caller keeps and reuses, whose byte
// slices point into the input: what must outlive the input has to be copied.
// It encodes by appending to a buffer of the caller's. It reads no sockets,
// keeps no state and knows no policy: what a bind or a filter means is decided
// elsewhere.
//
// Lengths, counts and nesting are bounded before anything is allocated. What a
// message makes Decode allocate is at most 12 times its size, the worst being
// lists of empty strings, and 180 KiB for the filters of a search; a message of
// the usual kinds that is decoded into a Message in use allocates nothing.
package ldapwire
