// Package file fetches the file that a source reads, from wherever it lies.
//
// The file is copied before it is read. So the source reads the file as it was at one
// moment, as often as it has to; a share or a server is asked once; and a file that
// changes meanwhile is noticed and copied again. The copy is for this process alone
// and leaves nothing behind. A file on a disk of this machine is copied, too: the disk
// may be somebody else's, mounted here.
//
// Every wait ends: with the context, or when nothing has come for a while.
package file
