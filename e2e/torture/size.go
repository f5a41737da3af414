package torture

import "os"

// Long tells whether the long form was asked for: DIALTREE_TORTURE=long.
func Long() bool { return os.Getenv("DIALTREE_TORTURE") == "long" }

// Pick is the one of two sizes that is asked for.
func Pick[T any](short, long T) T {
	if Long() {
		return long
	}
	return short
}
