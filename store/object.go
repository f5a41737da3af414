package store

import "time"

// ObjectKind is the kind of a configuration object.
type ObjectKind string

// The kinds of objects, as they are named in YAML.
const (
	ObjectUpstream  ObjectKind = "upstream"
	ObjectConnector ObjectKind = "connector"
	ObjectPhonebook ObjectKind = "phonebook"
	ObjectDevice    ObjectKind = "device"
	ObjectContainer ObjectKind = "container"

	ObjectAdministrator ObjectKind = "administrator"
	ObjectRole          ObjectKind = "role"
	ObjectToken         ObjectKind = "token"
)

// An Object is a configuration object: *Upstream, *Connector, *Phonebook, *Device, *Container, *Administrator,
// *Role or *Token.
type Object interface {
	ObjectKind() ObjectKind
	ObjectName() string
	// Validate checks what can be checked without other objects. Its errors are
	// *FieldError with the path of the key, such as "tls.ca_file".
	Validate() error
}

// An Upstream is a directory that binds are forwarded to.
type Upstream struct {
	Name           string          `yaml:"name" json:"name"`
	URLs           []string        `yaml:"urls" json:"urls"`                           // ldap:// or ldaps://, tried in order
	BindDN         string          `yaml:"bind_dn,omitempty" json:"bind_dn,omitempty"` // the template with exactly one %
	Search         *UpstreamSearch `yaml:"search,omitempty" json:"search,omitempty"`   // instead of BindDN
	TLS            TLS             `yaml:"tls,omitempty" json:"tls,omitzero"`
	ConnectTimeout Duration        `yaml:"connect_timeout,omitempty" json:"connect_timeout,omitzero"`  // default 2s
	BindTimeout    Duration        `yaml:"bind_timeout,omitempty" json:"bind_timeout,omitzero"`        // default 10s
	MaxConnections int             `yaml:"max_connections,omitempty" json:"max_connections,omitempty"` // default 8
	Cache          Cache           `yaml:"cache,omitempty" json:"cache,omitzero"`
}

// An UpstreamSearch finds the DN to bind as: exactly one entry must match.
type UpstreamSearch struct {
	Base     string `yaml:"base" json:"base"`
	Filter   string `yaml:"filter" json:"filter"` // with exactly one %
	BindDN   string `yaml:"bind_dn,omitempty" json:"bind_dn,omitempty"`
	Password Secret `yaml:"password,omitempty" json:"password,omitzero"`
}

// TLS says how a connection to a server is protected. A ldaps:// URL needs no StartTLS.
type TLS struct {
	StartTLS           bool   `yaml:"start_tls,omitempty" json:"start_tls,omitempty"`
	CAFile             string `yaml:"ca_file,omitempty" json:"ca_file,omitempty"`         // PEM; empty: the system's
	ServerName         string `yaml:"server_name,omitempty" json:"server_name,omitempty"` // empty: the URL's host
	PinnedKey          string `yaml:"pinned_key,omitempty" json:"pinned_key,omitempty"`   // "sha256/" and the base64 SHA-256 of the server's public key
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify,omitempty" json:"insecure_skip_verify,omitempty"`
}

// Cache says how long answers of an upstream are remembered, in memory and as keyed hashes only.
type Cache struct {
	Success Duration  `yaml:"success,omitempty" json:"success,omitzero"`  // default 0: every bind is forwarded
	Offline Duration  `yaml:"offline,omitempty" json:"offline,omitzero"`  // default 0: an outage is an outage
	Refused *Duration `yaml:"refused,omitempty" json:"refused,omitempty"` // default 60s
}

// A Connector is a saved import.
type Connector struct {
	Name           string            `yaml:"name" json:"name"`
	Template       string            `yaml:"template" json:"template"`
	Source         Source            `yaml:"source" json:"source"`
	Target         string            `yaml:"target,omitempty" json:"target,omitempty"` // users, phonebook/NAME, speeddials; empty: the template's
	Mode           string            `yaml:"mode,omitempty" json:"mode,omitempty"`     // mirror (default) or update
	Key            string            `yaml:"key,omitempty" json:"key,omitempty"`       // the column that never changes; empty: the template's
	Filter         string            `yaml:"filter,omitempty" json:"filter,omitempty"`
	Variables      map[string]string `yaml:"variables,omitempty" json:"variables,omitempty"` // field to expression, beside the template's
	Schedule       string            `yaml:"schedule,omitempty" json:"schedule,omitempty"`   // cron or "@every 30m"; empty: by hand only
	Timezone       string            `yaml:"timezone,omitempty" json:"timezone,omitempty"`   // of the schedule, such as Europe/Berlin; empty: the server's
	Jitter         Duration          `yaml:"jitter,omitempty" json:"jitter,omitzero"`        // a scheduled run begins up to this much later
	After          string            `yaml:"after,omitempty" json:"after,omitempty"`         // a connector: this one runs whenever that one is done
	Webhook        *Webhook          `yaml:"webhook,omitempty" json:"webhook,omitempty"`     // who is told of failed runs
	Limits         Limits            `yaml:"limits,omitempty" json:"limits,omitzero"`
	Retain         Duration          `yaml:"retain,omitempty" json:"retain,omitzero"` // how long removed entries are kept hidden; default 0: not at all
	Authentication *Authentication   `yaml:"authentication,omitempty" json:"authentication,omitempty"`
}

// A Source says where a connector's records come from: exactly one is set.
type Source struct {
	CSV  *CSVSource  `yaml:"csv,omitempty" json:"csv,omitempty"`
	XLSX *XLSXSource `yaml:"xlsx,omitempty" json:"xlsx,omitempty"`
	LDAP *LDAPSource `yaml:"ldap,omitempty" json:"ldap,omitempty"`
	AD   *ADSource   `yaml:"ad,omitempty" json:"ad,omitempty"`
	UCS  *UCSSource  `yaml:"ucs,omitempty" json:"ucs,omitempty"`
	REST *RESTSource `yaml:"rest,omitempty" json:"rest,omitempty"`
}

// A Webhook is told of failed runs.
type Webhook struct {
	URL    string `yaml:"url" json:"url"`
	Secret Secret `yaml:"secret,omitempty" json:"secret,omitzero"` // signs what is sent; empty: it is not signed
}

// Limits are the guard of a run.
type Limits struct {
	Removals string `yaml:"removals,omitempty" json:"removals,omitempty"` // "10%" or a number; empty: the lower of 500 and 10 %, but at least 5
	Rejected string `yaml:"rejected,omitempty" json:"rejected,omitempty"` // "20%" or a number; default 20%
}

// Authentication says how the users of a connector log in.
type Authentication struct {
	Method   string `yaml:"method" json:"method"` // upstream, internal or none
	Upstream string `yaml:"upstream,omitempty" json:"upstream,omitempty"`
	DN       string `yaml:"dn,omitempty" json:"dn,omitempty"` // the column that holds a user's DN in the upstream; empty: the template's; NoDN: none
}

// A Phonebook is a named set of contacts with its own readers.
type Phonebook struct {
	Name    string   `yaml:"name" json:"name"`
	Title   string   `yaml:"title,omitempty" json:"title,omitempty"`
	Readers []string `yaml:"readers,omitempty" json:"readers,omitempty"` // everyone, authenticated, user:NAME, group:NAME, device:NAME; empty: authenticated
}

// A Container says who may read all users, or all speed dials.
type Container struct {
	Name    string   `yaml:"name" json:"name"`                           // users or speeddials
	Readers []string `yaml:"readers,omitempty" json:"readers,omitempty"` // as of a Phonebook; empty: authenticated
}

// A Device is an account for a phone or PBX that only looks things up.
type Device struct {
	Name     string `yaml:"name" json:"name"`
	Title    string `yaml:"title,omitempty" json:"title,omitempty"`
	Password Secret `yaml:"password,omitempty" json:"password,omitzero"` // empty: Apply's caller makes a random one
	Disabled bool   `yaml:"disabled,omitempty" json:"disabled,omitempty"`
}

// A Run is one execution of a connector.
type Run struct {
	ID        string    `json:"id"` // CONNECTOR-N; N counts up per connector
	Connector string    `json:"connector"`
	By        string    `json:"by,omitempty"` // the administrator or token that started it, or schedule; empty: not recorded
	Started   time.Time `json:"started"`
	Finished  time.Time `json:"finished"`
	Result    RunResult `json:"result"`
	Created   int       `json:"created"`
	Updated   int       `json:"updated"`
	Removed   int       `json:"removed"`
	Unchanged int       `json:"unchanged"`
	Rejected  int       `json:"rejected"`
	Error     string    `json:"error"`
	// Undoes is the run that this one put back; empty for an import.
	Undoes string `json:"undoes,omitempty"`
	// PlanDigest identifies the plan, so that exactly it can be confirmed.
	PlanDigest string `json:"plan_digest,omitempty"`
	// Rejects are the first rejected records with the reason; Rejected counts them all.
	Rejects []Reject `json:"rejects,omitempty"`
	Seq     uint64   `json:"seq,omitempty"` // the change that the run applied; 0: none
	Fetch   *Fetch   `json:"fetch,omitempty"`
}

// A Fetch is how far a run read a source that can tell what changed.
type Fetch struct {
	Mark      string    `json:"mark"`      // where the next fetch may go on
	Connector string    `json:"connector"` // a digest of the connector that it was made for
	Full      time.Time `json:"full"`      // when everything was fetched last
	Partial   bool      `json:"partial,omitempty"`
}

// RunResult is how a run ended.
type RunResult string

// The results of a run.
const (
	RunDone    RunResult = "done"
	RunFailed  RunResult = "failed"
	RunStopped RunResult = "stopped" // by the guard; wants to be confirmed
)

// A Reject is a record that was skipped.
type Reject struct {
	Row    int    `json:"row"`              // as the source counts, from 1
	Column string `json:"column,omitempty"` // where known
	Reason string `json:"reason"`
}
