// Package admin is the administrator's door: the HTTP API, the metrics and the
// health checks, the client that the commands and the page use, and the way in for all of them.
//
// The API under /api/v1 is served on a unix socket, whose file permissions are its access
// control (the caller makes the socket, mode 0600, in the data directory), and on the public
// listener, to who has a session or a token. Each operation is registered with the scope that it
// needs, and refuses whoever has not got it before it looks at what was sent. /metrics, /healthz
// and /readyz are served on both. Every change leaves a record of who made it in the store.
//
// Objects and entries travel as documents: JSON with the keys that YAML has, so that
// what Get returns is what Apply accepts. No answer, error or log line holds a secret:
// a stored one reads "[secret]". What was made just now is returned once: a device's secret, a
// token, a one-time link; and a device's by the settings of a phone when they are asked for with
// secret=true. A backup holds all of them: it is for administrators alone.
//
// The package knows neither LDAP nor connectors: it defines what it needs of them
// (Syncer, Logins, Upstreams, Front), and the command that composes the server adapts them.
package admin
