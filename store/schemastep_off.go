//go:build !schemastep

package store

// schemaVersion is the version of the layout that this package reads and writes.
const schemaVersion = 5

// nextBuckets and nextSteps are what the tag schemastep adds.
func nextBuckets() []bucketInfo { return nil }
func nextSteps() []migration    { return nil }
