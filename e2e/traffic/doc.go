// Package traffic is phones that never rest: each keeps a connection, binds and searches on it, compares every answer with the one that
// is right, and connects anew when the server says goodbye. It counts what a client would call a failure.
package traffic
