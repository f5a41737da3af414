// Package chaos stands between a client and a directory and does to them what networks, firewalls, broken
// servers and people in between do: a Proxy delays, hangs, cuts, resets, truncates, answers with something
// else, answers twice, swaps answers, sends what nobody asked for, flips bits, and shows certificates that it
// should not. A NameServer answers for names that move, and a FullServer has no room for another connection.
//
// Where it sees LDAP (in clear, or where it ends the TLS itself) a Proxy works on messages; where it sees TLS
// that is not its own, on bytes. What it does is drawn from a seed, one fault at a time, so that each can be
// switched on alone; what it did is counted.
//
// In clear it does nothing that no client could notice: it does not make a success of a refusal under the
// right message ID, nor one name of another. Whoever can do that in a clear connection can let anybody in, whatever
// the client does; that is what TLS is for. A message as it was sent before (a replay), or as it was meant for another
// connection (a swap), is fair: message IDs tell.
package chaos
