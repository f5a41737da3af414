package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/cmd/dialtree/internal/config"
	"github.com/dialtree/dialtree/store"
)

// write makes the test's own directory the working directory and puts files there.
func write(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, content := range files {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMistakes(t *testing.T) {
	certA, keyA := certificate(t, time.Now().Add(time.Hour))
	_, keyB := certificate(t, time.Now().Add(time.Hour))
	files := map[string]string{"a.pem": certA, "a.key": keyA, "b.key": keyB, "text.pem": "hello\n"}
	for _, tc := range []struct {
		name string
		yaml string
		want string // the exact lines
	}{
		{"unknown key", "base_dn: dc=a\nlisten: x\n", `c.yaml:2: listen: unknown key; the keys here are admin, backup, base_dn, cluster, data_dir, group, ldap, log, numbers, throttle, user`},
		{"mistyped key", "ldap:\n  lisen: 127.0.0.1:389\n", `c.yaml:2: ldap.lisen: unknown key; did you mean listen?`},
		{"key twice", "base_dn: dc=a\nbase_dn: dc=b\n", `c.yaml:2: base_dn: is given twice, first on line 1: keep one of them`},
		{"no YAML", "ldap: [\n", `c.yaml:1: is no valid YAML: did not find expected node content`},
		{"no mapping", "- a\n", "c.yaml:1: must be keys and values, such as `name: value`"},
		{"two documents", "base_dn: dc=a\n---\nbase_dn: dc=b\n", "c.yaml:3: a configuration is one document: remove this `---`; objects such as upstreams are given to `dialtree apply`"},
		{"an object", "kind: upstream\nname: corp\n", "c.yaml:1: kind: this file holds an object (upstream), no configuration: give it to `dialtree apply -f c.yaml`"},
		{"an alias", "base_dn: &a dc=a\n", `c.yaml:1: base_dn: anchors (&) and aliases (*) are not allowed: write the value out, in quotes if it begins with & or *`},
		{"a tag", "base_dn: !x dc=a\n", `c.yaml:1: base_dn: tags (!) are not allowed: write the value in quotes if it begins with !`},
		{"data_dir empty", "data_dir: ''\n", `c.yaml:1: data_dir: must name a directory such as ./data`},
		{"data_dir a list", "data_dir: [a]\n", `c.yaml:1: data_dir: must be a text such as ./data, not a list`},
		{"base_dn no DN", "base_dn: example.com\n", `c.yaml:1: base_dn: must be a DN such as dc=example,dc=com, not "example.com": `},
		{"base_dn empty", "base_dn: ''\n", `c.yaml:1: base_dn: must not be empty: clients need a base to search under, such as dc=dialtree`},
		{"ldap no section", "ldap: yes\n", `c.yaml:1: ldap: must be keys and values, not "yes"`},
		{"listen without port", "ldap: {listen: 127.0.0.1}\n", `c.yaml:1: ldap.listen: must be HOST:PORT such as 127.0.0.1:3389, or :389 for every address, not "127.0.0.1"`},
		{"listen with a bad port", "ldap: {listen: ['127.0.0.1:99999']}\n", `c.yaml:1: ldap.listen: the port of "127.0.0.1:99999" must be a number from 1 to 65535 (0: any free one)`},
		{"listen a URL", "ldap: {listen: 'ldap://h:389'}\n", `c.yaml:1: ldap.listen: must be HOST:PORT such as 127.0.0.1:3389, or :389 for every address, not "ldap://h:389"`},
		{"listen a mapping", "ldap: {listen: {a: b}}\n", `c.yaml:1: ldap.listen: must be a text or a list of texts such as 127.0.0.1:3389`},
		{"the same address twice", "ldap: {listen: '127.0.0.1:8389'}\n", `c.yaml:1: admin.listen: 127.0.0.1:8389 is taken by ldap.listen: give each its own port`},
		{"nowhere to listen", "ldap: {listen: ''}\n", `c.yaml:1: ldap.listen: must hold an address when ldap.listen_tls has none, such as 127.0.0.1:3389: phones could not connect`},
		{"LDAPS without certificate", "ldap:\n  listen_tls: 127.0.0.1:636\n", `c.yaml:2: ldap.listen_tls: needs ldap.cert_file and ldap.key_file: LDAPS cannot work without a certificate`},
		{"require_tls without certificate", "ldap:\n  require_tls: true\n", `c.yaml:2: ldap.require_tls: needs ldap.cert_file and ldap.key_file: without a certificate no client could use TLS and every login would fail`},
		{"require_tls no truth value", "ldap:\n  require_tls: always\n", `c.yaml:2: ldap.require_tls: must be true or false, not "always"`},
		{"cert without key", "ldap:\n  cert_file: a.pem\n", `c.yaml:2: ldap.cert_file: needs ldap.key_file too: a certificate is of no use without its private key`},
		{"key without cert", "admin:\n  key_file: a.key\n", `c.yaml:2: admin.key_file: needs admin.cert_file too: a private key is of no use without its certificate`},
		{"log in no directory", "log:\n  file: none/a.log\n", `c.yaml:2: log.file: there is no directory none: make it, or name another file`},
		{"cert missing", "ldap:\n  cert_file: none.pem\n  key_file: a.key\n", `c.yaml:2: ldap.cert_file: none.pem does not exist`},
		{"key missing", "ldap:\n  cert_file: a.pem\n  key_file: none.key\n", `c.yaml:3: ldap.key_file: none.key does not exist`},
		{"cert a directory", "ldap:\n  cert_file: .\n  key_file: a.key\n", `c.yaml:2: ldap.cert_file: . is a directory: name the file in it`},
		{"key of another cert", "ldap:\n  cert_file: a.pem\n  key_file: b.key\n", `c.yaml:3: ldap.key_file: b.key does not belong to the certificate in a.pem: both must come from the same request`},
		{"cert no PEM", "admin:\n  cert_file: text.pem\n  key_file: a.key\n", `c.yaml:2: admin.cert_file: text.pem holds no usable certificate: it must be PEM (-----BEGIN CERTIFICATE-----), the server's own first`},
		{"key no PEM", "admin:\n  cert_file: a.pem\n  key_file: text.pem\n", `c.yaml:3: admin.key_file: text.pem holds no usable private key: it must be PEM (-----BEGIN PRIVATE KEY-----) without a passphrase`},
		{"no network", "ldap:\n  anonymous_from: [10.0.0.0/8, home]\n", `c.yaml:2: ldap.anonymous_from[1]: must be a network such as 10.0.0.0/8 or fd00::/8, not "home"`},
		{"network with bits behind it", "ldap:\n  proxy_protocol_from: [10.1.2.3/8]\n", `c.yaml:2: ldap.proxy_protocol_from[0]: 10.1.2.3/8 has bits behind its length: write 10.0.0.0/8 for the network or 10.1.2.3 for the one address`},
		{"metrics_from a mapping", "admin:\n  metrics_from: {a: b}\n", `c.yaml:2: admin.metrics_from: must be a text or a list of texts such as [10.0.0.0/8]`},
		{"max_connections zero", "ldap:\n  max_connections: 0\n", `c.yaml:2: ldap.max_connections: must be from 1 to 1000000 clients such as 20000, not 0`},
		{"max_connections a text", "ldap:\n  max_connections: many\n", `c.yaml:2: ldap.max_connections: must be a whole number such as 20000, not "many"`},
		{"max_connections_per_address negative", "ldap:\n  max_connections_per_address: -1\n", `c.yaml:2: ldap.max_connections_per_address: must be from 1 to 1000000 clients such as 1000, not -1`},
		{"more per address than in all", "ldap:\n  max_connections: 10\n  max_connections_per_address: 11\n", `c.yaml:3: ldap.max_connections_per_address: is more than ldap.max_connections (10): one address could take every connection`},
		{"max_pending too many", "ldap:\n  max_pending_per_connection: 100000\n", `c.yaml:2: ldap.max_pending_per_connection: must be from 1 to 1024 requests such as 16, not 100000`},
		{"before_bind tiny", "ldap:\n  max_message_bytes: {before_bind: 10}\n", `c.yaml:2: ldap.max_message_bytes.before_bind: must be from 1024 to 16777216 bytes such as 65536, not 10`},
		{"after_bind less than before", "ldap:\n  max_message_bytes: {after_bind: 2048}\n", `c.yaml:2: ldap.max_message_bytes.after_bind: is less than before_bind (65536): a client that logged in may send at least as much`},
		{"max_message_bytes a number", "ldap:\n  max_message_bytes: 65536\n", `c.yaml:2: ldap.max_message_bytes: must be keys and values such as {before_bind: 65536, after_bind: 262144}, not "65536"`},
		{"idle_timeout without unit", "ldap:\n  idle_timeout: 300\n", `c.yaml:2: ldap.idle_timeout: must be a time with its unit such as 5m, not "300"`},
		{"idle_timeout zero", "ldap:\n  idle_timeout: 0s\n", `c.yaml:2: ldap.idle_timeout: must be from 1s to 24h such as 5m, not 0s`},
		{"time_limit negative", "ldap:\n  time_limit: -1s\n", `c.yaml:2: ldap.time_limit: must be from 100ms to 1h such as 10s, not -1s`},
		{"size_limit huge", "ldap:\n  size_limit: 10000000\n", `c.yaml:2: ldap.size_limit: must be from 1 to 1000000 entries such as 500, not 10000000`},
		{"user_failures", "throttle:\n  user_failures: 0\n", `c.yaml:2: throttle.user_failures: must be from 1 to 1000 failures such as 5, not 0`},
		{"address_failures", "throttle:\n  address_failures: -3\n", `c.yaml:2: throttle.address_failures: must be from 1 to 1000000 failures such as 50, not -3`},
		{"window", "throttle:\n  window: 48h\n", `c.yaml:2: throttle.window: must be from 1s to 24h such as 5m, not 48h0m0s`},
		{"delay", "throttle:\n  delay: soon\n", `c.yaml:2: throttle.delay: must be a time with its unit such as 30s, not "soon"`},
		{"admin listen a list", "admin:\n  listen: [a]\n", `c.yaml:2: admin.listen: must be a text such as 127.0.0.1:8389, not a list`},
		{"admin listen a word", "admin:\n  listen: everywhere\n", `c.yaml:2: admin.listen: must be HOST:PORT such as 127.0.0.1:3389, or :389 for every address, not "everywhere"`},
		{"country with plus", "numbers:\n  country: +49\n", `c.yaml:2: numbers.country: must be a country calling code such as "49" (no + and no 00), not "+49"`},
		{"trunk", "numbers:\n  trunk: none\n", `c.yaml:2: numbers.trunk: must be the digits dialled before an area code such as "0", or "" where there are none, not "none"`},
		{"international", "numbers:\n  international: ''\n", `c.yaml:2: numbers.international: must be the digits dialled before a country code such as "00" or "011", not ""`},
		{"output", "numbers:\n  output: pretty\n", `c.yaml:2: numbers.output: must be as_stored, e164 or international, not "pretty"`},
		{"log level", "log:\n  level: loud\n", `c.yaml:2: log.level: must be debug, info, warn or error, not "loud"`},
		{"group without user", "group: phones\n", `c.yaml:1: group: needs user too: it is the group that this user runs with`},
		{"log format", "log:\n  format: xml\n", `c.yaml:2: log.format: must be auto, text or json, not "xml"`},
		{"cluster without node", "cluster:\n  etcd: {endpoints: ['http://127.0.0.1:2379']}\n", `c.yaml:1: cluster.node: must name this node among those that share the content, such as pbx1`},
		{"cluster with half a section", "cluster:\n  key_file: /etc/cluster.key\n", `c.yaml:2: cluster.key_file: needs cluster.node and cluster.etcd.endpoints too: leave the whole section out where this server is alone`},
		{"node with a capital", "cluster:\n  node: PBX1\n  etcd: {endpoints: 'http://127.0.0.1:2379'}\n", `c.yaml:2: cluster.node: must be a name such as pbx1: up to 63 small letters, digits, dots and hyphens, the first and the last no dot or hyphen, not "PBX1"`},
		{"node too long", "cluster:\n  node: " + strings.Repeat("a", 64) + "\n  etcd: {endpoints: 'http://127.0.0.1:2379'}\n", `c.yaml:2: cluster.node: must be a name such as pbx1: up to 63 small letters, digits, dots and hyphens, the first and the last no dot or hyphen, not "` + strings.Repeat("a", 64) + `"`},
		{"node that begins with a dot", "cluster:\n  node: .a\n  etcd: {endpoints: 'http://127.0.0.1:2379'}\n", `c.yaml:2: cluster.node: must be a name such as pbx1: up to 63 small letters, digits, dots and hyphens, the first and the last no dot or hyphen, not ".a"`},
		{"no endpoints", "cluster:\n  node: a\n", `c.yaml:1: cluster.etcd.endpoints: must hold the servers of etcd, such as [https://10.0.0.1:2379, https://10.0.0.2:2379, https://10.0.0.3:2379]`},
		{"endpoint without scheme", etcd("endpoints: [10.0.0.1:2379]"), `c.yaml:4: cluster.etcd.endpoints: must be URLs such as https://10.0.0.1:2379, not "10.0.0.1:2379"`},
		{"endpoint with a password", etcd("endpoints: ['http://u:secret@10.0.0.1:2379']"), `c.yaml:4: cluster.etcd.endpoints: must be URLs such as https://10.0.0.1:2379, not "…@10.0.0.1:2379"`},
		{"endpoint with a path", etcd("endpoints: ['http://10.0.0.1:2379/v3']"), `c.yaml:4: cluster.etcd.endpoints: must be URLs such as https://10.0.0.1:2379, not "http://10.0.0.1:2379/v3"`},
		{"endpoint without port", etcd("endpoints: ['https://etcd']"), `c.yaml:4: cluster.etcd.endpoints: https://etcd must end in a port from 1 to 65535; that of etcd's clients is 2379`},
		{"endpoint twice", etcd("endpoints: ['http://127.0.0.1:1', 'http://127.0.0.1:1']"), `c.yaml:4: cluster.etcd.endpoints: http://127.0.0.1:1 is given twice: keep one of them`},
		{"endpoints half with TLS", etcd("endpoints: ['http://127.0.0.1:1', 'https://127.0.0.1:2']"), `c.yaml:4: cluster.etcd.endpoints: must be all https or all http: what one server hides another would show`},
		{"endpoints a mapping", etcd("endpoints: {a: b}"), `c.yaml:4: cluster.etcd.endpoints: must be a text or a list of texts such as [https://10.0.0.1:2379]`},
		{"prefix without slash", etcd("endpoints: 'http://127.0.0.1:1'\n    prefix: dialtree"), `c.yaml:5: cluster.etcd.prefix: must be a path that begins and ends with a slash, such as /dialtree/, not "dialtree"`},
		{"prefix everything", etcd("endpoints: 'http://127.0.0.1:1'\n    prefix: /"), `c.yaml:5: cluster.etcd.prefix: must be a path that begins and ends with a slash, such as /dialtree/, not "/"`},
		{"prefix too long", etcd("endpoints: 'http://127.0.0.1:1'\n    prefix: /" + strings.Repeat("a", 199) + "/"), `c.yaml:5: cluster.etcd.prefix: has 201 bytes: at most 200 are allowed`},
		{"ca without TLS", etcd("endpoints: 'http://127.0.0.1:1'\n    ca_file: a.pem"), `c.yaml:5: cluster.etcd.ca_file: needs endpoints with https: certificates are of no use without TLS`},
		{"ca missing", etcd("endpoints: 'https://127.0.0.1:1'\n    ca_file: none.pem"), `c.yaml:5: cluster.etcd.ca_file: none.pem does not exist`},
		{"ca no certificate", etcd("endpoints: 'https://127.0.0.1:1'\n    ca_file: text.pem"), `c.yaml:5: cluster.etcd.ca_file: text.pem holds no certificate: it must be PEM (-----BEGIN CERTIFICATE-----), that of the authority which signed etcd's certificates`},
		{"etcd's cert without key", etcd("endpoints: 'https://127.0.0.1:1'\n    cert_file: a.pem"), `c.yaml:5: cluster.etcd.cert_file: needs cluster.etcd.key_file too: a certificate is of no use without its private key`},
		{"etcd's key of another cert", etcd("endpoints: 'https://127.0.0.1:1'\n    cert_file: a.pem\n    key_file: b.key"), `c.yaml:6: cluster.etcd.key_file: b.key does not belong to the certificate in a.pem: both must come from the same request`},
		{"username without password", etcd("endpoints: 'http://127.0.0.1:1'\n    username: u"), `c.yaml:5: cluster.etcd.username: needs cluster.etcd.password too: etcd knows its users by both`},
		{"password without username", etcd("endpoints: 'http://127.0.0.1:1'\n    password: hidden"), `c.yaml:5: cluster.etcd.password: needs cluster.etcd.username too: etcd knows its users by both`},
		{"password of no form", etcd("endpoints: 'http://127.0.0.1:1'\n    username: u\n    password: {vault: hidden}"), `c.yaml:6: cluster.etcd.password: a secret is a text, {env: NAME} or {file: PATH}`},
		{"password as it is shown", etcd("endpoints: 'http://127.0.0.1:1'\n    username: u\n    password: '[secret]'"), `c.yaml:6: cluster.etcd.password: stands for a password that is shown elsewhere: write the password itself, {env: NAME} or {file: PATH}`},
		{"compact no truth value", etcd("endpoints: 'http://127.0.0.1:1'\n    compact: sometimes"), `c.yaml:5: cluster.etcd.compact: must be true or false, not "sometimes"`},
		{"every mistake at once", "log: {level: loud}\nldap:\n  size_limit: x\n  idle_timeout: 0s\nfoo: 1\n",
			`c.yaml:1: log.level: must be debug, info, warn or error, not "loud"` + "\n" +
				`c.yaml:3: ldap.size_limit: must be a whole number such as 500, not "x"` + "\n" +
				`c.yaml:4: ldap.idle_timeout: must be from 1s to 24h such as 5m, not 0s` + "\n" +
				`c.yaml:5: foo: unknown key; did you mean log?`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			write(t, files)
			if err := os.WriteFile("c.yaml", []byte(tc.yaml), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := config.Load("c.yaml", nil)
			if err == nil {
				t.Fatalf("no error; want %s", tc.want)
			}
			// What a DN parser says behind the colon is its own business.
			if got := err.Error(); got != tc.want && !(strings.HasSuffix(tc.want, ": ") && strings.HasPrefix(got, tc.want)) {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

// etcd is a section of a cluster with these keys of etcd, from line 4 on.
func etcd(keys string) string { return "cluster:\n  node: a\n  etcd:\n    " + keys + "\n" }

func TestFile(t *testing.T) {
	write(t, map[string]string{"big.yaml": strings.Repeat("#\n", 1<<20), "empty.yaml": "# nothing\n"})
	for _, tc := range []struct{ name, path, want string }{
		{"missing", "none.yaml", "none.yaml: does not exist: write one (docs/operations.md shows every key) or leave --config out for the defaults"},
		{"directory", ".", ".: is a directory: name the file in it"},
		{"too large", "big.yaml", "big.yaml: has 2097152 bytes: at most 1048576 are read"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := config.Load(tc.path, nil); err == nil || err.Error() != tc.want {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
	for _, path := range []string{"", "empty.yaml"} {
		c, err := config.Load(path, nil)
		if c != nil && len(c.Origins) == 0 {
			c.Origins = nil
		}
		if err != nil || !reflect.DeepEqual(c, config.Default()) {
			t.Errorf("Load(%q) = %+v, %v; want the defaults", path, c, err)
		}
	}
}

// TestEveryKey sets every key to another value than its default, in the file and by
// its variable, and expects the same configuration from both.
func TestEveryKey(t *testing.T) {
	cert, key := certificate(t, time.Now().Add(time.Hour))
	const text = `
data_dir: /srv/dialtree
base_dn: dc=example,dc=com
ldap:
  listen: [127.0.0.1:1389, "[::1]:1389"]
  listen_tls: 127.0.0.1:1636
  cert_file: a.pem
  key_file: a.key
  require_tls: true
  anonymous_from: [10.0.0.0/8, 192.0.2.1]
  proxy_protocol_from: [fd00::/8]
  max_connections: 100
  max_connections_per_address: 10
  max_pending_per_connection: 4
  max_message_bytes: {before_bind: 4096, after_bind: 8192}
  idle_timeout: 1m
  size_limit: 50
  time_limit: 2s
throttle: {user_failures: 3, address_failures: 30, window: 1m, delay: 5s}
admin:
  listen: 127.0.0.1:1390
  cert_file: a.pem
  key_file: a.key
  metrics_from: [10.1.0.0/16]
  clear_text_from: [10.4.0.1/32]
  session_idle: 5m
  session_limit: 1h
numbers: {country: "1", trunk: "1", international: "011", output: e164}
backup: {dir: /srv/backups, schedule: "@every 12h", keep: 7}
log: {level: debug, format: json, file: /var/log/dialtree.log}
user: dialtree
group: phones
cluster:
  node: pbx1
  etcd:
    endpoints: [https://10.0.0.1:2379, https://10.0.0.2:2379]
    prefix: /pbx/
    ca_file: a.pem
    cert_file: a.pem
    key_file: a.key
    username: dialtree
    password: hidden
    compact: false
  key_file: /etc/cluster.key
`
	write(t, map[string]string{"c.yaml": text, "a.pem": cert, "a.key": key})
	fromFile, err := config.Load("c.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	fromVariables, err := config.Load("", []string{
		"DIALTREE_DATA_DIR=/srv/dialtree", "DIALTREE_BASE_DN=dc=example,dc=com",
		"DIALTREE_LDAP_LISTEN=127.0.0.1:1389,[::1]:1389", "DIALTREE_LDAP_LISTEN_TLS=127.0.0.1:1636",
		"DIALTREE_LDAP_CERT_FILE=a.pem", "DIALTREE_LDAP_KEY_FILE=a.key", "DIALTREE_LDAP_REQUIRE_TLS=true",
		"DIALTREE_LDAP_ANONYMOUS_FROM=10.0.0.0/8,192.0.2.1", "DIALTREE_LDAP_PROXY_PROTOCOL_FROM=fd00::/8",
		"DIALTREE_LDAP_MAX_CONNECTIONS=100", "DIALTREE_LDAP_MAX_CONNECTIONS_PER_ADDRESS=10", "DIALTREE_LDAP_MAX_PENDING_PER_CONNECTION=4",
		"DIALTREE_LDAP_MAX_MESSAGE_BYTES_BEFORE_BIND=4096", "DIALTREE_LDAP_MAX_MESSAGE_BYTES_AFTER_BIND=8192",
		"DIALTREE_LDAP_IDLE_TIMEOUT=1m", "DIALTREE_LDAP_SIZE_LIMIT=50", "DIALTREE_LDAP_TIME_LIMIT=2s",
		"DIALTREE_THROTTLE_USER_FAILURES=3", "DIALTREE_THROTTLE_ADDRESS_FAILURES=30", "DIALTREE_THROTTLE_WINDOW=1m", "DIALTREE_THROTTLE_DELAY=5s",
		"DIALTREE_ADMIN_LISTEN=127.0.0.1:1390", "DIALTREE_ADMIN_CERT_FILE=a.pem", "DIALTREE_ADMIN_KEY_FILE=a.key", "DIALTREE_ADMIN_METRICS_FROM=10.1.0.0/16", "DIALTREE_ADMIN_CLEAR_TEXT_FROM=10.4.0.1/32",
		"DIALTREE_ADMIN_SESSION_IDLE=5m", "DIALTREE_ADMIN_SESSION_LIMIT=1h",
		"DIALTREE_NUMBERS_COUNTRY=1", "DIALTREE_NUMBERS_TRUNK=1", "DIALTREE_NUMBERS_INTERNATIONAL=011", "DIALTREE_NUMBERS_OUTPUT=e164",
		"DIALTREE_BACKUP_DIR=/srv/backups", "DIALTREE_BACKUP_SCHEDULE=@every 12h", "DIALTREE_BACKUP_KEEP=7",
		"DIALTREE_LOG_LEVEL=debug", "DIALTREE_LOG_FORMAT=json", "DIALTREE_LOG_FILE=/var/log/dialtree.log",
		"DIALTREE_USER=dialtree", "DIALTREE_GROUP=phones",
		"DIALTREE_CLUSTER_NODE=pbx1", "DIALTREE_CLUSTER_ETCD_ENDPOINTS=https://10.0.0.1:2379,https://10.0.0.2:2379", "DIALTREE_CLUSTER_ETCD_PREFIX=/pbx/",
		"DIALTREE_CLUSTER_ETCD_CA_FILE=a.pem", "DIALTREE_CLUSTER_ETCD_CERT_FILE=a.pem", "DIALTREE_CLUSTER_ETCD_KEY_FILE=a.key",
		"DIALTREE_CLUSTER_ETCD_USERNAME=dialtree", "DIALTREE_CLUSTER_ETCD_PASSWORD=hidden", "DIALTREE_CLUSTER_ETCD_COMPACT=false", "DIALTREE_CLUSTER_KEY_FILE=/etc/cluster.key",
	})
	if err != nil {
		t.Fatal(err)
	}
	fromFile.Origins, fromVariables.Origins = nil, nil // which differ, as they should
	if !reflect.DeepEqual(fromFile, fromVariables) {
		t.Errorf("file and variables differ:\n%+v\n%+v", fromFile, fromVariables)
	}
	same(t, "", reflect.ValueOf(*fromFile), reflect.ValueOf(*config.Default()))
}

// same finds keys that still have their default: the test above forgot them.
func same(t *testing.T, path string, a, b reflect.Value) {
	if a.Kind() == reflect.Struct && a.Type() != reflect.TypeFor[store.Secret]() {
		for i := range a.NumField() {
			if f := a.Type().Field(i); f.Tag.Get("yaml") != "-" {
				same(t, path+"."+f.Name, a.Field(i), b.Field(i))
			}
		}
		return
	}
	if reflect.DeepEqual(a.Interface(), b.Interface()) {
		t.Errorf("%s has its default %v", path, a)
	}
}

func TestVariables(t *testing.T) {
	for _, tc := range []struct {
		name    string
		environ []string
		want    string
	}{
		{"wrong type", []string{"DIALTREE_LDAP_SIZE_LIMIT=many"}, `DIALTREE_LDAP_SIZE_LIMIT: ldap.size_limit: must be a whole number such as 500, not "many"`},
		{"wrong value", []string{"DIALTREE_LOG_LEVEL=loud"}, `DIALTREE_LOG_LEVEL: log.level: must be debug, info, warn or error, not "loud"`},
		{"no key of a section", []string{"DIALTREE_LDAP_PORT=389"}, `DIALTREE_LDAP_PORT: no key has this variable. Unset it or correct its name`},
		{"mistyped", []string{"DIALTREE_BASEDN=dc=a"}, `DIALTREE_BASEDN: no key has this variable; did you mean DIALTREE_BASE_DN? Unset it or correct its name`},
		{"of a cluster that is none", []string{"DIALTREE_CLUSTER_ETCD_USERNAME=u"}, `DIALTREE_CLUSTER_ETCD_USERNAME: cluster.etcd.username: needs cluster.node and cluster.etcd.endpoints too: leave the whole section out where this server is alone`},
		{"an empty cluster", []string{"DIALTREE_CLUSTER_NODE=", "DIALTREE_CLUSTER_ETCD_ENDPOINTS=", "DIALTREE_CLUSTER_ETCD_PREFIX=/dialtree/", "DIALTREE_CLUSTER_ETCD_PASSWORD="}, ""},
		{"no key of the cluster", []string{"DIALTREE_CLUSTER_NAME=a"}, `DIALTREE_CLUSTER_NAME: no key has this variable; did you mean DIALTREE_CLUSTER_NODE? Unset it or correct its name`},
		{"somebody's own", []string{"DIALTREE_UPSTREAM_SECRET=x", "DIALTREE_CONFIG=/c.yaml", "LDAP_PORT=1"}, ""},
		{"better than the file", []string{"DIALTREE_LDAP_IDLE_TIMEOUT=1m", "DIALTREE_LOG_LEVEL=warn"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			write(t, map[string]string{"c.yaml": "log: {level: info}\n"})
			if tc.name == "better than the file" {
				write(t, map[string]string{"c.yaml": "ldap: {idle_timeout: wrong}\nlog: {level: loud}\n"})
			}
			_, err := config.Load("c.yaml", tc.environ)
			if got := text(err); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestWarnings(t *testing.T) {
	write(t, map[string]string{"c.yaml": `
ldap:
  listen: 0.0.0.0:389
  anonymous_from: [0.0.0.0/0]
  proxy_protocol_from: ["::/0"]
admin: {listen: ":8389", metrics_from: 0.0.0.0/0, clear_text_from: 0.0.0.0/0}
`})
	c, err := config.Load("c.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range c.Warnings {
		got = append(got, w.Error())
	}
	want := []string{
		"c.yaml:6: admin.listen: :8389 is reached from other machines without TLS: set admin.cert_file and admin.key_file, or listen on 127.0.0.1",
		"c.yaml:3: ldap.listen: 0.0.0.0:389 accepts passwords in clear text from other machines: set ldap.require_tls once your phones use TLS",
		"c.yaml:6: admin.metrics_from: holds every address: anyone may read the metrics",
		"c.yaml:6: admin.clear_text_from: holds every address: devices, programs and people may send their secrets over HTTP for everybody on the way to see",
		"c.yaml:4: ldap.anonymous_from: holds every address: anyone may search the phonebooks that everyone may read",
		"c.yaml:5: ldap.proxy_protocol_from: holds every address: any client may claim any address, which defeats throttling",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A certificate that clients refuse keeps no server from starting.
func TestWarningsOfCertificates(t *testing.T) {
	expired, expiredKey := certificate(t, time.Date(2020, 5, 1, 0, 0, 0, 0, time.UTC))
	early, earlyKey := certificateFrom(t, time.Date(2999, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC))
	write(t, map[string]string{"old.pem": expired, "old.key": expiredKey, "new.pem": early, "new.key": earlyKey, "c.yaml": `
ldap:
  cert_file: old.pem
  key_file: old.key
admin: {cert_file: new.pem, key_file: new.key}
`})
	c, err := config.Load("c.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) != 2 || c.Warnings[0].Error() != "c.yaml:3: ldap.cert_file: old.pem expired on 2020-05-01: replace it" ||
		c.Warnings[1].Error() != "c.yaml:5: admin.cert_file: new.pem is not valid before 2999-01-02: is the clock right?" {
		t.Errorf("%v", c.Warnings)
	}
}

// certificate returns a self-signed certificate and its key.
func certificate(t *testing.T, until time.Time) (cert, key string) {
	t.Helper()
	return certificateFrom(t, time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC), until)
}

func certificateFrom(t *testing.T, from, until time.Time) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

// The password for etcd is shown by nothing that prints a configuration, and found where the configuration says.
func TestEtcdPassword(t *testing.T) {
	for _, tc := range []struct{ name, password, shown, want, mistake string }{
		{"itself", "hidden", "[secret]", "hidden", ""},
		{"digits", "0123", "[secret]", "0123", ""},
		{"a file", "{file: pw}", "{file: pw}", "from the file", ""},
		{"a variable", "{env: CONFIG_TEST_PW}", "{env: CONFIG_TEST_PW}", "from the variable", ""},
		{"no file", "{file: none}", "{file: none}", "", "c.yaml:6: cluster.etcd.password: read secret: open none: no such file or directory"},
		{"no variable", "{env: CONFIG_TEST_NONE}", "{env: CONFIG_TEST_NONE}", "", "c.yaml:6: cluster.etcd.password: environment variable CONFIG_TEST_NONE, which should hold the secret, is not set"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv("CONFIG_TEST_PW", "from the variable")
			write(t, map[string]string{"pw": "from the file\n", "c.yaml": etcd("endpoints: 'http://127.0.0.1:1'\n    username: u\n    password: " + tc.password)})
			c, err := config.Load("c.yaml", nil)
			if err != nil {
				t.Fatal(err)
			}
			if printed := fmt.Sprintf("%v %+v %#v", c, c.Cluster, c.Cluster.Etcd.Password); strings.Contains(printed, "hidden") || strings.Contains(printed, "0123") {
				t.Errorf("the password is printed: %s", printed)
			}
			for _, s := range c.Settings() {
				if s.Key == "cluster.etcd.password" && s.Value != tc.shown {
					t.Errorf("shown as %q, want %q", s.Value, tc.shown)
				}
			}
			got, err := c.EtcdPassword()
			if got != tc.want || text(err) != tc.mistake {
				t.Errorf("got %q, %v; want %q, %s", got, err, tc.want, tc.mistake)
			}
		})
	}
}

func TestWarningsOfCluster(t *testing.T) {
	write(t, map[string]string{"open.key": "x", "c.yaml": etcd("endpoints: ['http://127.0.0.1:2379', 'http://10.0.0.1:2379']") + "  key_file: open.key\n"})
	if err := os.Chmod("open.key", 0o640); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		environ []string
		want    string
	}{
		{nil, "c.yaml:4: cluster.etcd.endpoints: http://10.0.0.1:2379 is reached without TLS: the content is sealed, but whoever sits in between can hold it up, and see which nodes there are"},
		{[]string{"DIALTREE_CLUSTER_ETCD_USERNAME=u", "DIALTREE_CLUSTER_ETCD_PASSWORD=p"}, "c.yaml:4: cluster.etcd.endpoints: http://10.0.0.1:2379 is reached without TLS: whoever sits in between reads the password for etcd"},
	} {
		c, err := config.Load("c.yaml", tc.environ)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Warnings) != 2 || c.Warnings[0].Error() != tc.want || c.Warnings[1].Error() != "c.yaml:5: cluster.key_file: open.key can be read by others on this machine: chmod 600 it, it opens what is in etcd" {
			t.Errorf("%v", c.Warnings)
		}
	}
}
