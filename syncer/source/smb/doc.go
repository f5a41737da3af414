// Package smb reads files from shares of Windows and Samba servers, over SMB 2 and 3.
//
// What the server sends must be signed by the account that logs in, so that nobody on the network can put
// another file in its place; there are no guests. Dialtree only ever reads.
//
// It does not follow DFS: name the server and the share that a DFS path stands for. The library does the
// protocol; every step of it ends with the context, since its own waits do not end.
package smb
