// Package rest reads the records of a JSON list over HTTP and HTTPS, such as the contacts of another PBX.
//
// A JSON pointer (RFC 6901) says where the list is in the answer. Longer lists come as pages, which are found by a link or
// by counting (see Options.Next). All pages are fetched before the first record is given: only then is it known which
// columns there are, and that the list is whole. Pages and records wait in files without names, so that memory does
// not grow with the list. How servers are asked, and what is done with their redirects, is the matter of package web.
//
// A record is an object. What is within an object in it becomes a column of its own, named by its path, as in address.city.
// An array is many values; of an array of objects, each column has the values of all of them, so that which
// belonged together is not told. Numbers are the text that the server wrote, true and false are
// texts, and null is nothing.
package rest
