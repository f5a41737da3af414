//go:build !unix

package upstream

// canProbe is false where a socket cannot be read without waiting. A dead
// connection is then noticed when it is used, and the bind is tried on a fresh one.
const canProbe = false

func readNow(uintptr, []byte) (int, error) { return 0, errQuiet }
