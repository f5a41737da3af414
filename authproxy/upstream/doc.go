// Package upstream forwards binds to a directory: a bounded pool of
// connections to several servers in order, with health, quarantine and
// deadlines that hold in every phase.
//
// Every bind ends in one of three ways, never two: accepted, refused, or could
// not find out. A result that a server gave is final and is never tried on a
// second server, where it would count twice towards a lockout; nor is a bind that
// was sent ever sent again. What a result code means for a bind is decided in
// outcome.go and nowhere else.
//
// The caller's goroutine does the work: it takes a connection, sets one
// deadline, writes, reads and gives the connection back. There is no goroutine
// behind a connection.
//
// It does not follow referrals, does not fall back to clear text, keeps no
// password, and decides nothing about throttling or caches. On systems other
// than Unix a connection that died while idle is noticed only when it is used,
// and costs the login that uses it.
package upstream
