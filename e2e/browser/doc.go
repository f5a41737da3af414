// Package browser drives Debian's chromium for the tests of the page, the way a
// person would: what is clicked and filled in is found by its role and its
// accessible name, as a screen reader announces it.
//
// A Page keeps what a person would not see and nobody wants: errors in the
// console, violations of the content security policy, requests that failed,
// requests to another host. It measures what a page weighs, and axe-core looks at
// it for people who cannot see or cannot use a mouse.
//
// The browser finds no host by its name and every page begins with no cookies. The
// package knows nothing of testing and nothing of the product. Its files carry the build tag e2e.
package browser
