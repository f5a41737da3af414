// Package phonesettings writes what an administrator pastes into a telephone, a
// softphone or a PBX so that it searches this server, and says which filters to use
// and why.
//
// Each vendor is one template under vendors/ and one line of the table in vendors.go.
// A template holds no value of the server by itself: it is handed values that are
// already written for its format, so that a base DN with a quote or an ampersand
// cannot break the file it is pasted into.
//
// What is written here was gathered from vendors' manuals and from provisioning
// templates that are in use. Where a vendor's key for something is not known, the notes
// say so; no key is guessed.
//
// The package reads nothing and stores nothing: who asks hands in the server's
// addresses, the names and, if it is to be shown, the secret.
package phonesettings
