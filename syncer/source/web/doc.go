// Package web fetches files over HTTP and HTTPS.
//
// A download counts only when it is whole, so the exchange is our own, on a connection that serves no other: net/http's
// client stops at the announced length and does not tell when the server sent more, and a script that counts letters
// instead of bytes announces too little. Reading and writing the messages is left to net/http.
//
// Redirects are followed a few times, never from https to http, and what logs in goes to the host of the URL alone.
// Proxies are not used.
package web
