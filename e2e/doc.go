// Package e2e tests the whole product, as a process of its own, against real
// servers: OpenLDAP's slapd, a Samba Active Directory domain controller, a Samba
// share, Debian's etcd, the LDAP tools of OpenLDAP and promtool; with the libraries that
// search a directory, each in a program of testdata/clients; and in Debian's chromium.
//
// Its tests carry the build tag e2e, and not a check of the environment that
// skips them: a test that was skipped looks like one that passed. `make test`
// sets the tag after it has installed the servers from Debian's packages; a
// plain `go test ./...` needs none of them and compiles none of this.
//
//	go test -tags e2e ./e2e/...
//
// DIALTREE_BIN names a binary that was built before. Tests called
// TestTorture… have a long form, see package torture: DIALTREE_TORTURE=long.
package e2e
