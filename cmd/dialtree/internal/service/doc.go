// Package service is how the process gets on with what runs it: the notifications that a service manager waits for, the
// listening sockets that it passes, the restart that hands those sockets to the next program in the same process, and the
// rights of root, which are given up for good.
//
// It speaks the protocols of sd_notify(3) and sd_listen_fds(3) without a library: each is a few lines. It knows nothing of
// LDAP and reads no configuration. Where a system has none of it (only Linux has all), there is nothing to notify and nothing
// is passed.
package service
