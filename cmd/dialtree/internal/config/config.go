// Package config reads the configuration of the server: one strict YAML file, whose
// keys environment variables override. Load reports every mistake with the file, the
// line and the key; nothing else in the program checks the configuration again.
//
// A variable is named after its key: DIALTREE_ and the path in capitals, joined by
// underscores (ldap.listen_tls: DIALTREE_LDAP_LISTEN_TLS). A list is written with
// commas. The empty value is a value: DIALTREE_LDAP_LISTEN_TLS="" switches LDAPS off.
package config

import (
	"net/netip"
	"time"
)

// Config is the configuration with every default filled in.
type Config struct {
	DataDir  string   `yaml:"data_dir" example:"./data"`
	BaseDN   string   `yaml:"base_dn" example:"dc=example,dc=com"`
	LDAP     LDAP     `yaml:"ldap"`
	Throttle Throttle `yaml:"throttle"`
	Admin    Admin    `yaml:"admin"`
	Numbers  Numbers  `yaml:"numbers"`
	Backup   Backup   `yaml:"backup"`
	Log      Log      `yaml:"log"`
	Cluster  Cluster  `yaml:"cluster"`
	User     string   `yaml:"user" example:"dialtree"`  // whom a server that root starts becomes; empty: it stays what it is
	Group    string   `yaml:"group" example:"dialtree"` // empty: the user's own

	// Warnings are settings that work but that their owner should think about.
	Warnings []*Warning `yaml:"-"`
	// Origins says where the value of a key came from, by key; one that is missing is a default.
	Origins map[string]Origin `yaml:"-"`
}

// LDAP is how the front listens and what it allows.
type LDAP struct {
	Listen                   Addresses       `yaml:"listen" example:"127.0.0.1:3389"` // plain and StartTLS
	ListenTLS                Addresses       `yaml:"listen_tls" example:"0.0.0.0:636"`
	CertFile                 string          `yaml:"cert_file" example:"/etc/dialtree/cert.pem"`
	KeyFile                  string          `yaml:"key_file" example:"/etc/dialtree/key.pem"`
	RequireTLS               bool            `yaml:"require_tls"`
	AnonymousFrom            Prefixes        `yaml:"anonymous_from"`
	ProxyProtocolFrom        Prefixes        `yaml:"proxy_protocol_from"`
	MaxConnections           int             `yaml:"max_connections" example:"20000"`
	MaxConnectionsPerAddress int             `yaml:"max_connections_per_address" example:"1000"`
	MaxPendingPerConnection  int             `yaml:"max_pending_per_connection" example:"16"`
	MaxMessageBytes          MaxMessageBytes `yaml:"max_message_bytes" example:"{before_bind: 65536, after_bind: 262144}"`
	IdleTimeout              time.Duration   `yaml:"idle_timeout" example:"5m"`
	SizeLimit                int             `yaml:"size_limit" example:"500"`
	TimeLimit                time.Duration   `yaml:"time_limit" example:"10s"`
}

// MaxMessageBytes is the size of the largest request.
type MaxMessageBytes struct {
	BeforeBind int `yaml:"before_bind" example:"65536"`
	AfterBind  int `yaml:"after_bind" example:"262144"`
}

// Throttle says how many failed logins within Window are allowed, and for how long
// the next ones wait.
type Throttle struct {
	UserFailures    int           `yaml:"user_failures" example:"5"`
	AddressFailures int           `yaml:"address_failures" example:"50"`
	Window          time.Duration `yaml:"window" example:"5m"`
	Delay           time.Duration `yaml:"delay" example:"30s"`
}

// Admin is the listener of the web page, the metrics and the health checks.
type Admin struct {
	Listen      string   `yaml:"listen" example:"127.0.0.1:8389"` // empty: none
	CertFile    string   `yaml:"cert_file" example:"/etc/dialtree/cert.pem"`
	KeyFile     string   `yaml:"key_file" example:"/etc/dialtree/key.pem"`
	MetricsFrom Prefixes `yaml:"metrics_from"`
	// ClearTextFrom are clients that may send a device's secret, a token or a password without TLS, as those of this machine may.
	ClearTextFrom Prefixes `yaml:"clear_text_from"`
	// SessionIdle is how long somebody stays signed in who does nothing, SessionLimit how long altogether.
	SessionIdle  time.Duration `yaml:"session_idle" example:"30m"`
	SessionLimit time.Duration `yaml:"session_limit" example:"12h"`
}

// Numbers says how telephone numbers are dialled where the phones are.
type Numbers struct {
	Country       string `yaml:"country" example:"\"49\""`
	Trunk         string `yaml:"trunk" example:"\"0\""`
	International string `yaml:"international" example:"\"00\""`
	Output        string `yaml:"output" example:"as_stored"` // as_stored, e164, international
}

// Backup says where the server writes backups by itself, and when.
type Backup struct {
	Dir      string `yaml:"dir" example:"/var/backups/dialtree"` // empty: it writes none
	Schedule string `yaml:"schedule" example:"\"30 2 * * *\""`   // cron, or "@every 12h"
	Keep     int    `yaml:"keep" example:"14"`                   // how many of them
}

// Log says what is logged and how.
type Log struct {
	Level  string `yaml:"level" example:"info"`                          // debug, info, warn, error
	Format string `yaml:"format" example:"auto"`                         // auto, text, json
	File   string `yaml:"file" example:"/var/log/dialtree/dialtree.log"` // empty: standard error
}

// Default returns the configuration of a server without a file.
func Default() *Config {
	return &Config{
		DataDir: "./data",
		BaseDN:  "dc=dialtree",
		LDAP: LDAP{
			Listen:                   Addresses{"127.0.0.1:3389"},
			MaxConnections:           20000,
			MaxConnectionsPerAddress: 1000,
			MaxPendingPerConnection:  16,
			MaxMessageBytes:          MaxMessageBytes{BeforeBind: 65536, AfterBind: 262144},
			IdleTimeout:              5 * time.Minute,
			SizeLimit:                500,
			TimeLimit:                10 * time.Second,
		},
		Throttle: Throttle{UserFailures: 5, AddressFailures: 50, Window: 5 * time.Minute, Delay: 30 * time.Second},
		Admin: Admin{
			Listen:       "127.0.0.1:8389",
			MetricsFrom:  Prefixes{netip.MustParsePrefix("127.0.0.0/8")},
			SessionIdle:  30 * time.Minute,
			SessionLimit: 12 * time.Hour,
		},
		Numbers: Numbers{Country: "49", Trunk: "0", International: "00", Output: "as_stored"},
		Backup:  Backup{Schedule: "30 2 * * *", Keep: 14},
		Log:     Log{Level: "info", Format: "auto"},
		Cluster: Cluster{Etcd: Etcd{Prefix: "/dialtree/", Compact: true}},
	}
}
