package phonesettings_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/admin/phonesettings"
	"github.com/dialtree/dialtree/store"
)

// listeners reads addresses; a leading "tls " marks LDAPS.
func listeners(addresses ...string) []phonesettings.Listener {
	var all []phonesettings.Listener
	for _, a := range addresses {
		address, secure := strings.CutPrefix(a, "tls ")
		all = append(all, phonesettings.Listener{Address: netip.MustParseAddrPort(address), TLS: secure})
	}
	return all
}

func TestConnection(t *testing.T) {
	type server = phonesettings.Server
	for _, tc := range []struct {
		name   string
		vendor string
		server server
		url    string
		way    phonesettings.Security
		note   string
	}{
		{"LDAPS is the safest", "yealink", server{Listeners: listeners("10.0.0.5:389", "tls 10.0.0.5:636"), StartTLS: true}, "ldaps://10.0.0.5:636", "ldaps", "must be for 10.0.0.5"},
		{"StartTLS where there is no LDAPS", "yealink", server{Listeners: listeners("10.0.0.5:389"), StartTLS: true}, "ldap://10.0.0.5:389", "starttls", "StartTLS on port 389"},
		{"a phone without LDAPS", "linphone", server{Listeners: listeners("10.0.0.5:389", "tls 10.0.0.5:636"), StartTLS: true}, "ldap://10.0.0.5:389", "starttls", ""},
		{"a phone without StartTLS", "snom", server{Listeners: listeners("10.0.0.5:389"), StartTLS: true}, "ldap://10.0.0.5:389", "plain", "though Snom could use LDAPS"},
		{"a phone without TLS", "sangoma", server{Listeners: listeners("10.0.0.5:389", "tls 10.0.0.5:636"), StartTLS: true}, "ldap://10.0.0.5:389", "plain", "WARNING: the password travels in clear"},
		{"no certificate", "yealink", server{Listeners: listeners("10.0.0.5:389")}, "ldap://10.0.0.5:389", "plain", "could use LDAPS: set ldap.cert_file"},
		{"every address", "yealink", server{Listeners: listeners("[::]:389")}, "ldap://pbx:389", "plain", "name this machine, pbx; --host NAME"},
		{"loopback", "yealink", server{Listeners: listeners("127.0.0.1:3389")}, "ldap://pbx:3389", "plain", "Set ldap.listen to an address of the network, such as 0.0.0.0:3389"},
		{"LDAPS on loopback is of no use", "yealink", server{Listeners: listeners("10.0.0.5:389", "tls 127.0.0.1:636")}, "ldap://10.0.0.5:389", "plain", ""},
		{"the address that phones reach", "yealink", server{Listeners: listeners("127.0.0.1:389", "10.0.0.5:1389")}, "ldap://10.0.0.5:1389", "plain", ""},
		{"link-local is nobody's address", "yealink", server{Listeners: listeners("[fe80::1%eth0]:389")}, "ldap://pbx:389", "plain", ""},
		{"IPv6", "asterisk", server{Listeners: listeners("[2001:db8::5]:389")}, "ldap://[2001:db8::5]:389", "plain", ""},
		{"IPv4 in IPv6", "yealink", server{Listeners: listeners("[::ffff:10.0.0.5]:389")}, "ldap://10.0.0.5:389", "plain", ""},
		{"a name that was given", "yealink", server{Host: "phones.example.com", Listeners: listeners("10.0.0.5:389")}, "ldap://phones.example.com:389", "plain", ""},
		{"TLS is required", "snom", server{Listeners: listeners("10.0.0.5:389", "tls 10.0.0.5:636"), StartTLS: true, RequireTLS: true}, "ldaps://10.0.0.5:636", "ldaps", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := settings()
			s.Server = tc.server
			s.Server.Hostname = "pbx"
			sheet, err := phonesettings.Render(tc.vendor, s)
			if err != nil {
				t.Fatal(err)
			}
			if got := sheet.Connection; got.URL() != tc.url || got.Security != tc.way {
				t.Errorf("%s by %s, want %s by %s", got.URL(), got.Security, tc.url, tc.way)
			}
			if notes := strings.Join(sheet.Notes, "\n"); !strings.Contains(notes, tc.note) {
				t.Errorf("%q is not in the notes:\n%s", tc.note, notes)
			}
		})
	}
}

func TestUnfit(t *testing.T) {
	type server = phonesettings.Server
	for _, tc := range []struct {
		name   string
		vendor string
		server server
		want   string
	}{
		{"no TLS where it is required", "sangoma", server{Listeners: listeners("10.0.0.5:389"), StartTLS: true, RequireTLS: true}, "Sangoma connects with no TLS, and this server takes passwords over TLS only: set ldap.require_tls to false"},
		{"StartTLS only, on a server with LDAPS only", "linphone", server{Listeners: listeners("tls 10.0.0.5:636"), StartTLS: true}, "for which this server has no listener: set ldap.listen"},
		{"Avaya without a certificate", "avaya", server{Listeners: listeners("10.0.0.5:389")}, "Avaya connects with LDAPS or StartTLS, and this server has no such listener that would keep the password safe: set ldap.cert_file"},
		{"LDAPS is missing where TLS is required", "snom", server{Listeners: listeners("10.0.0.5:389"), StartTLS: true, RequireTLS: true}, "ldap.listen_tls for LDAPS"},
		{"a phone without TLS on a server with LDAPS only", "htek", server{Listeners: listeners("tls 10.0.0.5:636"), StartTLS: true}, "Htek connects with no TLS, for which this server has no listener: set ldap.listen"},
		{"a host that is none", "yealink", server{Host: "ldap://x", Listeners: listeners("10.0.0.5:389")}, `"ldap://x" is no host name or address`},
		{"a host with an empty label", "yealink", server{Host: "a..b", Listeners: listeners("10.0.0.5:389")}, "is no host name"},
		{"a host that would break the file", "yealink", server{Host: "a\nb", Listeners: listeners("10.0.0.5:389")}, "is no host name"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := settings()
			s.Server = tc.server
			_, err := phonesettings.Render(tc.vendor, s)
			var unfit *phonesettings.UnfitError
			if !errors.As(err, &unfit) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v\nwant %s", err, tc.want)
			}
		})
	}
}

func TestSecretElsewhere(t *testing.T) {
	s := settings()
	s.Secret = store.FromEnv("DIALTREE_TEST_NO_SUCH_VARIABLE")
	var unfit *phonesettings.UnfitError
	if _, err := phonesettings.Render("yealink", s); !errors.As(err, &unfit) || !strings.Contains(err.Error(), "DIALTREE_TEST_NO_SUCH_VARIABLE") {
		t.Error(err)
	}
	t.Setenv("DIALTREE_TEST_SECRET", "from-env")
	s.Secret = store.FromEnv("DIALTREE_TEST_SECRET")
	sheet, err := phonesettings.Render("yealink", s)
	if err != nil || !strings.Contains(sheet.Text, "ldap.password = from-env\n") {
		t.Errorf("%v %+v", err, sheet)
	}
}

// TestFieldsWithLimits: notes that depend on the device.
func TestFieldsWithLimits(t *testing.T) {
	s := settings()
	s.Device, s.DeviceDN = "front-desk", "cn=front-desk,ou=devices,ou=telephony,dc=subsidiary,dc=example,dc=com"
	for vendor, want := range map[string]string{
		"gigaset": "enter front-desk as the user name instead",
		"avaya":   "WARNING: front-desk holds other characters",
	} {
		sheet, err := phonesettings.Render(vendor, s)
		if err != nil {
			t.Fatal(err)
		}
		if notes := strings.Join(sheet.Notes, "\n"); !strings.Contains(notes, want) {
			t.Errorf("%s: %q is not in the notes:\n%s", vendor, want, notes)
		}
	}
}
