// Package diskfault runs a program and decides about each of its system calls that change a disk: it lets it pass, makes it fail, or
// kills the program just before it. Such a call is a point at which a power cut or a full disk can strike, and they
// can be counted: a test that goes through all of them leaves none to chance.
//
// The tracer is a process of its own, since a process must not wait for the children that its own threads trace. It is
// the program of the test, called again: TestMain begins with Main.
package diskfault
