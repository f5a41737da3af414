package admin_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/admin"
)

const phones = `
kind: device
name: archive
disabled: true
---
kind: device
name: reception
password: marker-device-long
---
kind: phonebook
name: customers
---
kind: phonebook
name: board
readers: ["group:board"]
---
kind: phonebook
name: lobby
readers: ["device:reception"]
`

func TestPhoneSettings(t *testing.T) {
	b := start(t)
	b.apply(t, phones)
	for _, tc := range []struct {
		name, vendor string
		options      admin.PhoneOptions
		text, note   string
	}{
		{"the first device that may log in", "yealink", admin.PhoneOptions{}, "ldap.user = cn=reception,ou=devices,dc=example\n", "--show-secret"},
		{"its secret is not shown", "yealink", admin.PhoneOptions{}, "ldap.password = REPLACE-WITH-THE-SECRET-OF-reception\n", ""},
		{"its secret on request", "yealink", admin.PhoneOptions{Secret: true}, "ldap.password = marker-device-long\n", ""},
		{"a device by its name in capitals", "yealink", admin.PhoneOptions{Device: "RECEPTION"}, "ldap.user = cn=reception,", ""},
		{"a disabled device", "yealink", admin.PhoneOptions{Device: "archive"}, "cn=archive,", "WARNING: device archive is disabled"},
		{"the address of the listener", "flyingvoice", admin.PhoneOptions{}, "ldap.host = 192.0.2.5\nldap.port = 389\nldap.tls_mode = 1\n", "StartTLS on port 389"},
		{"a name for it", "yealink", admin.PhoneOptions{Host: "ldap.example.com"}, "ldap.host = ldap.example.com\n", "must be for ldap.example.com"},
		{"all phonebooks", "yealink", admin.PhoneOptions{}, "ldap.base = ou=phonebook,dc=example\n", "With the base dc=example it finds colleagues"},
		{"one phonebook", "yealink", admin.PhoneOptions{Phonebook: "customers"}, "ldap.base = ou=customers,ou=phonebook,dc=example\n", ""},
		{"a phonebook for others", "yealink", admin.PhoneOptions{Phonebook: "board"}, "", "WARNING: device reception is not among the readers of phonebook board"},
		{"a phonebook for the device", "yealink", admin.PhoneOptions{Phonebook: "lobby"}, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sheet, err := b.client.PhoneSettings(t.Context(), tc.vendor, tc.options)
			if err != nil {
				t.Fatal(err)
			}
			notes := strings.Join(sheet.Notes, "\n")
			if !strings.Contains(sheet.Text, tc.text) || !strings.Contains(notes, tc.note) {
				t.Errorf("%s\n%s\nwant %q and %q", sheet.Text, notes, tc.text, tc.note)
			}
			if warned := strings.Contains(notes, "WARNING"); warned != strings.Contains(tc.note, "WARNING") {
				t.Errorf("warned: %v\n%s", warned, notes)
			}
		})
	}
	if log := b.log.String(); strings.Contains(log, "marker-") || strings.Count(log, "a device's secret was shown") != 1 {
		t.Error(log)
	}
	vendors, err := b.client.Phones(t.Context())
	if err != nil || len(vendors) < 25 || vendors[0].Name != "akuvox" {
		t.Errorf("%d vendors, %v", len(vendors), err)
	}
}

func TestPhoneProblems(t *testing.T) {
	b := start(t)
	if status, answer := b.raw(t, http.MethodGet, "/api/v1/phones/yealink", ""); status != http.StatusUnprocessableEntity || !strings.Contains(answer, "dialtree apply -f -") {
		t.Errorf("without a device: %d %s", status, answer)
	}
	b.apply(t, phones)
	for _, tc := range []struct {
		name, path string
		status     int
		want       string
	}{
		{"an unknown vendor", "yaelink", 404, "did you mean yealink?"},
		{"an unknown device", "yealink?device=nobody", 404, "device nobody does not exist"},
		{"an unknown phonebook", "yealink?phonebook=nobody", 404, "phonebook nobody does not exist"},
		{"a host that is none", "yealink?host=a/b", 422, `\"a/b\" is no host name`},
		{"a secret that does not fit", "avaya?secret=true", 422, "cannot hold the device's secret"},
		{"a question that is none", "yealink?devcie=x", 422, "devcie"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, answer := b.raw(t, http.MethodGet, "/api/v1/phones/"+tc.path, "")
			if status != tc.status || !strings.Contains(answer, tc.want) || strings.Contains(answer, "marker-") {
				t.Errorf("%d %s\nwant %d with %s", status, answer, tc.status, tc.want)
			}
		})
	}
}
