// Package admin is the administrator's door: the HTTP API, the metrics and the
// health checks, and the client that the commands use.
//
// The API under /api/v1 is served on a unix socket only, whose file permissions are
// its access control: the caller makes the socket, mode 0600, in the data directory.
// /metrics, /healthz and /readyz are served there and on the public listener.
//
// Objects and entries travel as documents: JSON with the keys that YAML has, so that
// what Get returns is what Apply accepts. No answer, error or log line holds a secret:
// a stored one reads "[secret]". A device's alone is returned: by the Apply that made it,
// and by the settings of a phone when they are asked for with secret=true.
//
// The package knows neither LDAP nor connectors: it defines what it needs of them
// (Syncer, Logins, Upstreams, Front), and the command that composes the server adapts them.
package admin
