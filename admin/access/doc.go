// Package access says who may do what at the administrator's doors.
//
// Whoever comes in has an Identity, whichever door he took: the unix socket, a session of
// the page, a token, a device. What an operation of the API needs is a Scope; a Role is a
// set of scopes. The package decides and tells; it serves nothing.
package access
