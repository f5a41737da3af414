// Package openapi makes requests for the operations of an API from its OpenAPI
// description: such as it asks for, and such as nobody should send.
//
// What it makes depends on a seed alone, so that a request that did harm is made again.
package openapi
