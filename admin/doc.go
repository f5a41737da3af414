// Package admin is the administrator's door: the HTTP API, the metrics and the
// health checks, and the client that the commands use.
//
// The API under /api/v1 is served on a unix socket only, whose file permissions are
// its access control: the caller makes the socket, mode 0600, in the data directory.
// /metrics, /healthz and /readyz are served there and on the public listener.
//
// Objects and entries travel as documents: JSON with the keys that YAML has, so that
// what Get returns is what Apply accepts. No answer, error or log line holds a secret:
// a stored one reads "[secret]", and a device's is returned once, by the Apply that
// made it.
//
// The package knows neither LDAP nor connectors: it defines what it needs of them
// (Syncer, Logins, Upstreams), and the command that composes the server adapts them.
package admin
