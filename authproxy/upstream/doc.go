// Package upstream forwards binds to a directory: a bounded pool of
// connections to several servers in order, with health, quarantine and
// deadlines that hold in every phase.
//
// Every bind ends in one of three ways, never two: accepted, refused, or could
// not find out. A result that a server gave is final and is never tried on a
// second server, where it would count twice towards a lockout.
package upstream
