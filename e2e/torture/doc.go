// Package torture is what the tests that attack the product share: how long they go on, what a
// process holds before and after, and the figures that docs/reliability.md shows.
//
// Each such test is called TestTorture…, runs in a short form of at most a minute or two with `make test`,
// and in its long form with `make torture`, which also writes the figures down. Only the numbers
// differ: both forms do and check the same.
package torture
