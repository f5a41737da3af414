// Package syncer runs connectors: it fetches a source's records, works out what
// they mean for the store, and applies that in one change.
//
// A run goes through fetch, decode, filter, variables, validate, plan, guard,
// apply and record. It is the plan that the guard judges, a dry run shows and an
// administrator confirms; applying is one store.Apply, so that a run that is
// killed leaves the store as it was.
//
// What it will not do: touch an entry that was made by hand or by another
// connector, remove anything after a source failed, was empty or was cut off, or
// overwrite what an administrator changed by hand.
//
// Only changed entries are held in memory: of an unchanged one it keeps the key, the
// ID and a hash. It keeps no state that a second process would need: the plan that a dry run
// showed is in the store, too, so that any node can confirm it.
package syncer
