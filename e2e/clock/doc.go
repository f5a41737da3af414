// Package clock gives a process that runs another time of day, and nobody else: the time of this machine
// stays what it is. It is for tests of what a server does when its clock is set.
//
// A program reads the time by a function of the kernel's that is mapped into its memory, the vDSO (vdso(7)). Here that
// function is replaced, in the memory of the one process, by a few instructions that ask the kernel and add an
// offset to CLOCK_REALTIME. Monotonic time is left alone, as it is when a real clock is set. It is written for
// Linux on amd64, and needs the right to trace the process.
package clock
