package config

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// check finds the values that are of the right type and still wrong, and those that
// do not fit each other.
func (l *loader) check() {
	c := l.config
	if c.DataDir == "" {
		l.add("data_dir", "must name a directory such as ./data")
	}
	if dn, err := ldapwire.ParseDN(c.BaseDN); err != nil {
		l.add("base_dn", "must be a DN such as dc=example,dc=com, not %q: %v", c.BaseDN, err)
	} else if len(dn) == 0 {
		l.add("base_dn", "must not be empty: clients need a base to search under, such as dc=dialtree")
	}
	if c.Group != "" && c.User == "" {
		l.add("group", "needs user too: it is the group that this user runs with")
	}
	l.checkListeners()
	l.checkLimits()
	l.checkNumbers()
	l.checkCluster()
	l.oneOf("numbers.output", c.Numbers.Output, "as_stored", "e164", "international")
	l.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	l.oneOf("log.format", c.Log.Format, "auto", "text", "json")
}

func (l *loader) checkListeners() {
	c := l.config
	taken := map[string]string{}
	l.checkAddresses("ldap.listen", c.LDAP.Listen, taken)
	l.checkAddresses("ldap.listen_tls", c.LDAP.ListenTLS, taken)
	if c.Admin.Listen != "" {
		l.checkAddresses("admin.listen", []string{c.Admin.Listen}, taken)
	}
	if len(c.LDAP.Listen)+len(c.LDAP.ListenTLS) == 0 {
		l.add("ldap.listen", "must hold an address when ldap.listen_tls has none, such as 127.0.0.1:3389: phones could not connect")
	}
	if dir := filepath.Dir(c.Log.File); c.Log.File != "" {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			l.add("log.file", "there is no directory %s: make it, or name another file", dir)
		}
	}
	l.checkCertificate("ldap", c.LDAP.CertFile, c.LDAP.KeyFile)
	l.checkCertificate("admin", c.Admin.CertFile, c.Admin.KeyFile)
	hasCertificate := c.LDAP.CertFile != "" || c.LDAP.KeyFile != ""
	if len(c.LDAP.ListenTLS) > 0 && !hasCertificate {
		l.add("ldap.listen_tls", "needs ldap.cert_file and ldap.key_file: LDAPS cannot work without a certificate")
	}
	if c.LDAP.RequireTLS && !hasCertificate {
		l.add("ldap.require_tls", "needs ldap.cert_file and ldap.key_file: without a certificate no client could use TLS and every login would fail")
	}
}

func (l *loader) checkAddresses(key string, addresses []string, taken map[string]string) {
	for _, address := range addresses {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			l.add(key, "must be HOST:PORT such as 127.0.0.1:3389, or :389 for every address, not %q", address)
			continue
		}
		if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
			l.add(key, "the port of %q must be a number from 1 to 65535 (0: any free one)", address)
			continue
		}
		if strings.ContainsAny(host, " /") {
			l.add(key, "%q is no host name or address", host)
			continue
		}
		if other, twice := taken[address]; twice && port != "0" {
			l.add(key, "%s is taken by %s: give each its own port", address, other)
			continue
		}
		taken[address] = key
	}
}

func (l *loader) checkCertificate(section, certFile, keyFile string) {
	certKey, keyKey := section+".cert_file", section+".key_file"
	switch {
	case certFile == "" && keyFile == "":
		return
	case keyFile == "":
		l.add(certKey, "needs %s too: a certificate is of no use without its private key", keyKey)
		return
	case certFile == "":
		l.add(keyKey, "needs %s too: a private key is of no use without its certificate", certKey)
		return
	}
	cert, certErr := readBounded(certFile)
	if certErr != nil {
		l.add(certKey, "%s %v", certFile, certErr)
	}
	key, keyErr := readBounded(keyFile)
	if keyErr != nil {
		l.add(keyKey, "%s %v", keyFile, keyErr)
	}
	if certErr != nil || keyErr != nil {
		return
	}
	switch _, err := tls.X509KeyPair(cert, key); {
	case err == nil:
	case strings.Contains(err.Error(), "private key does not match"), strings.Contains(err.Error(), "private key type does not match"):
		l.add(keyKey, "%s does not belong to the certificate in %s: both must come from the same request", keyFile, certFile)
	case strings.Contains(err.Error(), "key input"), strings.Contains(err.Error(), "private key"):
		l.add(keyKey, "%s holds no usable private key: it must be PEM (-----BEGIN PRIVATE KEY-----) without a passphrase", keyFile)
	default:
		l.add(certKey, "%s holds no usable certificate: it must be PEM (-----BEGIN CERTIFICATE-----), the server's own first", certFile)
	}
}

func (l *loader) checkLimits() {
	c := l.config
	for _, n := range []struct {
		key            string
		value          int
		least, most    int
		example, about string
	}{
		{"ldap.max_connections", c.LDAP.MaxConnections, 1, 1_000_000, "20000", "clients"},
		{"ldap.max_connections_per_address", c.LDAP.MaxConnectionsPerAddress, 1, 1_000_000, "1000", "clients"},
		{"ldap.max_pending_per_connection", c.LDAP.MaxPendingPerConnection, 1, 1024, "16", "requests"},
		{"ldap.max_message_bytes.before_bind", c.LDAP.MaxMessageBytes.BeforeBind, 1024, 16 << 20, "65536", "bytes"},
		{"ldap.max_message_bytes.after_bind", c.LDAP.MaxMessageBytes.AfterBind, 1024, 64 << 20, "262144", "bytes"},
		{"ldap.size_limit", c.LDAP.SizeLimit, 1, 1_000_000, "500", "entries"},
		{"throttle.user_failures", c.Throttle.UserFailures, 1, 1000, "5", "failures"},
		{"throttle.address_failures", c.Throttle.AddressFailures, 1, 1_000_000, "50", "failures"},
		{"backup.keep", c.Backup.Keep, 1, 1000, "14", "backups"},
	} {
		if n.value < n.least || n.value > n.most {
			l.add(n.key, "must be from %d to %d %s such as %s, not %d", n.least, n.most, n.about, n.example, n.value)
		}
	}
	for _, d := range []struct {
		key         string
		value       time.Duration
		least, most time.Duration
		example     string
	}{
		{"ldap.idle_timeout", c.LDAP.IdleTimeout, time.Second, 24 * time.Hour, "5m"},
		{"ldap.time_limit", c.LDAP.TimeLimit, 100 * time.Millisecond, time.Hour, "10s"},
		{"admin.session_idle", c.Admin.SessionIdle, time.Minute, 24 * time.Hour, "30m"},
		{"admin.session_limit", c.Admin.SessionLimit, time.Minute, 30 * 24 * time.Hour, "12h"},
		{"throttle.window", c.Throttle.Window, time.Second, 24 * time.Hour, "5m"},
		{"throttle.delay", c.Throttle.Delay, time.Second, 24 * time.Hour, "30s"},
	} {
		if d.value < d.least || d.value > d.most {
			l.add(d.key, "must be from %v to %v such as %s, not %v", d.least, short(d.most), d.example, d.value)
		}
	}
	if c.LDAP.MaxConnectionsPerAddress > c.LDAP.MaxConnections && l.given("ldap.max_connections_per_address") {
		l.add("ldap.max_connections_per_address", "is more than ldap.max_connections (%d): one address could take every connection", c.LDAP.MaxConnections)
	}
	if c.LDAP.MaxMessageBytes.AfterBind < c.LDAP.MaxMessageBytes.BeforeBind {
		l.add("ldap.max_message_bytes.after_bind", "is less than before_bind (%d): a client that logged in may send at least as much", c.LDAP.MaxMessageBytes.BeforeBind)
	}
}

// given tells whether a key was set, rather than left to its default.
func (l *loader) given(key string) bool {
	if _, ok := l.from[key]; ok {
		return true
	}
	return l.document != nil && l.document.Has(key)
}

// short writes a whole number of hours as "24h", not "24h0m0s".
func short(d time.Duration) string { return strconv.Itoa(int(d/time.Hour)) + "h" }

func (l *loader) checkNumbers() {
	n := l.config.Numbers
	digits := func(s string) bool { return strings.Trim(s, "0123456789") == "" }
	if n.Country == "" || len(n.Country) > 3 || !digits(n.Country) || n.Country[0] == '0' {
		l.add("numbers.country", "must be a country calling code such as \"49\" (no + and no 00), not %q", n.Country)
	}
	if len(n.Trunk) > 3 || !digits(n.Trunk) {
		l.add("numbers.trunk", "must be the digits dialled before an area code such as \"0\", or \"\" where there are none, not %q", n.Trunk)
	}
	if n.International == "" || len(n.International) > 5 || !digits(n.International) {
		l.add("numbers.international", "must be the digits dialled before a country code such as \"00\" or \"011\", not %q", n.International)
	}
}

func (l *loader) oneOf(key, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		l.add(key, "must be %s or %s, not %q", strings.Join(allowed[:len(allowed)-1], ", "), allowed[len(allowed)-1], value)
	}
}

// warn notes what works but is seldom meant.
func (l *loader) warn() {
	c := l.config
	note := func(key, format string, args ...any) {
		c.Warnings = append(c.Warnings, l.problem(key, format, args...))
	}
	l.warnOfCertificate("ldap.cert_file", c.LDAP.CertFile)
	l.warnOfCertificate("admin.cert_file", c.Admin.CertFile)
	l.warnOfCertificate("cluster.etcd.cert_file", c.Cluster.Etcd.CertFile)
	if c.Admin.Listen != "" && !isLoopback(c.Admin.Listen) && c.Admin.CertFile == "" {
		note("admin.listen", "%s is reached from other machines without TLS: set admin.cert_file and admin.key_file, or listen on 127.0.0.1", c.Admin.Listen)
	}
	for _, address := range c.LDAP.Listen {
		if !isLoopback(address) && !c.LDAP.RequireTLS {
			note("ldap.listen", "%s accepts passwords in clear text from other machines: set ldap.require_tls once your phones use TLS", address)
			break
		}
	}
	l.warnOfCluster(note)
	for _, open := range []struct {
		key      string
		prefixes Prefixes
		what     string
	}{
		{"admin.metrics_from", c.Admin.MetricsFrom, "anyone may read the metrics"},
		{"admin.clear_text_from", c.Admin.ClearTextFrom, "devices, programs and people may send their secrets over HTTP for everybody on the way to see"},
		{"ldap.anonymous_from", c.LDAP.AnonymousFrom, "anyone may search the phonebooks that everyone may read"},
		{"ldap.proxy_protocol_from", c.LDAP.ProxyProtocolFrom, "any client may claim any address, which defeats throttling"},
	} {
		if slices.ContainsFunc(open.prefixes, func(p netip.Prefix) bool { return p.Bits() == 0 }) {
			note(open.key, "holds every address: %s", open.what)
		}
	}
}

// warnOfCertificate notes that clients will refuse a certificate. It stops no server: most phones look at no date, and a clock that is
// wrong after a power cut would keep everybody out.
func (l *loader) warnOfCertificate(key, file string) {
	if file == "" {
		return
	}
	text, err := readBounded(file)
	if err != nil {
		return // it was read a moment ago
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return
	}
	switch now := time.Now(); {
	case now.After(leaf.NotAfter):
		l.config.Warnings = append(l.config.Warnings, l.problem(key, "%s expired on %s: replace it", file, leaf.NotAfter.Format(time.DateOnly)))
	case now.Before(leaf.NotBefore):
		l.config.Warnings = append(l.config.Warnings, l.problem(key, "%s is not valid before %s: is the clock right?", file, leaf.NotBefore.Format(time.DateOnly)))
	}
}

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
