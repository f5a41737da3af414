// Package directory is the tree as LDAP clients see it: the names of entries,
// their attributes, who may read them, and what a filter means on them.
//
// It reads the store and answers about one entry at a time. It sends nothing and
// writes nothing.
package directory
