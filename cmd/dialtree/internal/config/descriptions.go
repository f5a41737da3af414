package config

// A description is what people are told of a key.
type description struct {
	help   string
	reload bool // SIGHUP takes it over; other keys need a restart
}

// descriptions has every key.
var descriptions = map[string]description{
	"data_dir": {help: "Where the store, its key and the socket of the commands are."},
	"base_dn":  {help: "The top of the tree that clients of LDAP see."},

	"ldap.listen":                        {help: "Where phones and PBXs connect without TLS or with StartTLS."},
	"ldap.listen_tls":                    {help: "Where they connect with TLS (LDAPS)."},
	"ldap.cert_file":                     {help: "The certificate that they see, in PEM, this server's own first. A file that is replaced is taken over.", reload: true},
	"ldap.key_file":                      {help: "Its private key, in PEM and without a passphrase.", reload: true},
	"ldap.require_tls":                   {help: "Passwords are taken over TLS only."},
	"ldap.anonymous_from":                {help: "Networks whose clients may read without a login what everyone may read."},
	"ldap.proxy_protocol_from":           {help: "Load balancers that tell the client's address with the PROXY protocol."},
	"ldap.max_connections":               {help: "How many clients may be connected at a time.", reload: true},
	"ldap.max_connections_per_address":   {help: "How many of them from one address.", reload: true},
	"ldap.max_pending_per_connection":    {help: "How many requests of one connection may wait.", reload: true},
	"ldap.max_message_bytes.before_bind": {help: "The largest request of a client that has not logged in.", reload: true},
	"ldap.max_message_bytes.after_bind":  {help: "The largest request of one that has.", reload: true},
	"ldap.idle_timeout":                  {help: "How long a connection may lie idle.", reload: true},
	"ldap.size_limit":                    {help: "How many entries one search may return.", reload: true},
	"ldap.time_limit":                    {help: "How long one search may take.", reload: true},

	"throttle.user_failures":    {help: "How many wrong passwords of one user are let through within the window.", reload: true},
	"throttle.address_failures": {help: "How many from one address.", reload: true},
	"throttle.window":           {help: "The time in which they are counted.", reload: true},
	"throttle.delay":            {help: "How long further logins are turned away.", reload: true},

	"admin.listen":          {help: "Where the page, the metrics and the health checks are."},
	"admin.cert_file":       {help: "The certificate of that listener, in PEM. A file that is replaced is taken over."},
	"admin.key_file":        {help: "Its private key."},
	"admin.metrics_from":    {help: "Networks whose clients may read the metrics."},
	"admin.clear_text_from": {help: "Networks whose devices may send their secrets without TLS, beside this machine."},
	"admin.session_idle":    {help: "How long somebody stays signed in to the page without doing anything."},
	"admin.session_limit":   {help: "How long somebody stays signed in to the page altogether."},

	"numbers.country":       {help: "The country calling code of numbers without one."},
	"numbers.trunk":         {help: "What is dialled before an area code."},
	"numbers.international": {help: "What is dialled before a country code."},
	"numbers.output":        {help: "The form in which phones get numbers: as_stored, e164 or international."},

	"backup.dir":      {help: "Where backups are written by themselves, on another disk at best; empty: none are."},
	"backup.schedule": {help: "When: cron (minute, hour, day, month, weekday), or such as @every 12h."},
	"backup.keep":     {help: "How many of them are kept; older ones are removed."},

	"log.level":  {help: "What is logged: debug, info, warn or error, and worse."},
	"log.format": {help: "text, json, or auto: text on a terminal."},
	"log.file":   {help: "Where it is logged instead of to standard error; SIGHUP opens the file anew."},

	"cluster.node":           {help: "The name of this node among those that share their content; empty: it is alone."},
	"cluster.etcd.endpoints": {help: "The servers of etcd through which they share it."},
	"cluster.etcd.prefix":    {help: "What all keys in etcd begin with; each cluster of one etcd has its own."},
	"cluster.etcd.ca_file":   {help: "The authority that signed etcd's certificates, in PEM; empty: the system's."},
	"cluster.etcd.cert_file": {help: "The certificate that etcd knows this node by, in PEM."},
	"cluster.etcd.key_file":  {help: "Its private key."},
	"cluster.etcd.username":  {help: "The user of etcd, where it asks for one."},
	"cluster.etcd.password":  {help: "Its password."},
	"cluster.etcd.compact":   {help: "Have etcd forget its history; not where somebody else does, or needs it."},
	"cluster.key_file":       {help: "The key that seals what goes to etcd, the same on every node; empty: cluster.key in data_dir."},

	"user":  {help: "Whom the server becomes, for good, when root starts it."},
	"group": {help: "With which group; empty: that user's own."},
}
