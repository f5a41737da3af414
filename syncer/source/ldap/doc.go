// Package ldap gives the entries of a directory as records: any LDAP server, with
// the words of Active Directory and of UCS for those who have one.
//
// A fetch counts only when each of its searches ended with success. A directory that
// cuts a result short (a size limit, a time limit, a connection that ends, a referral
// in place of an answer) sends what looks like a smaller company, and a connector
// that took it for one would remove the others. Results come in pages; each request
// has a deadline and a bound on what may come back.
//
// It does not follow referrals, does not fall back to clear text, and writes nothing
// to the directory. How servers are reached and protected is authproxy/upstream's.
package ldap
