//go:build schemastep

package store

// With the tag schemastep the program knows a schema version more, as the next release might: for tests of nodes with different versions.
const schemaVersion = 6

// bucketNext is what the step brings.
var bucketNext = []byte("next")

func nextBuckets() []bucketInfo { return []bucketInfo{{bucketNext, 15, 6}} }
func nextSteps() []migration    { return []migration{{6, createBuckets(bucketNext)}} }
