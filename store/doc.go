// Package store keeps everything that Dialtree knows: users, contacts and speed
// dials (entries), phonebooks, devices, upstreams and connectors (objects), and
// the runs of connectors. It is one bbolt file, opened by one process.
//
// The only way to change anything is Apply: one transaction, all or nothing,
// with a sequence number. Readers follow the numbers (Feed). What a read
// returns is a copy; nothing points into the file.
//
// Secrets are sealed with a key that lies in a file beside the store. They are
// of the type Secret, which no verb, logger or encoder prints.
//
// The package imports nothing of ours, writes no log and knows no LDAP: the
// field table names LDAP attributes, others serve them.
package store
