package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestSecretIsNeverPrinted(t *testing.T) {
	const literal = "hunter2"
	secret := Literal(literal)
	device := Device{Name: "d", Password: secret}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T %v"} {
		for _, v := range []any{secret, &secret, device, &device, []Secret{secret}, map[string]Secret{"a": secret}} {
			if out := fmt.Sprintf(strings.ReplaceAll(verb, "%T ", ""), v); strings.Contains(out, literal) || strings.Contains(out, fmt.Sprintf("%x", literal)) {
				t.Errorf("%s prints %s", verb, out)
			}
		}
	}
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("x", "secret", secret, "device", device, "pointer", &device)
	}
	asJSON, err := json.Marshal(device)
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(device)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := secret.MarshalText()
	for _, out := range []string{log.String(), string(asJSON), string(asYAML), string(text), secret.String()} {
		if strings.Contains(out, literal) || !strings.Contains(out, mask) {
			t.Errorf("got %s", out)
		}
	}
}

func TestSecretForms(t *testing.T) {
	tests := []struct {
		name, yaml, json string
		want             Secret
		wantErr          string
	}{
		{"literal", `hunter2`, `"hunter2"`, Literal("hunter2"), ""},
		{"digits keep their zeros", `0042`, `"0042"`, Literal("0042"), ""},
		{"a text that looks like null", `"null"`, `"null"`, Literal("null"), ""},
		{"env", `{env: PW}`, `{"env":"PW"}`, FromEnv("PW"), ""},
		{"file", `{file: /run/pw}`, `{"file":"/run/pw"}`, FromFile("/run/pw"), ""},
		{"masked", `"[secret]"`, `"[secret]"`, Secret{from: secretMasked}, ""},
		{"empty", `""`, `""`, Secret{}, ""},
		{"null", `null`, `null`, Secret{}, ""},
		{"both", `{env: A, file: B}`, `{"env":"A","file":"B"}`, Secret{}, "a secret is a text"},
		{"unknown key", `{vault: hunter2}`, `{"vault":"hunter2"}`, Secret{}, "a secret is a text"},
		{"a list", `[hunter2]`, `["hunter2"]`, Secret{}, "a secret is a text"},
		{"empty reference", `{env: ""}`, `{"env":""}`, Secret{}, "a secret is a text"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var fromYAML, fromJSON struct {
				S Secret `yaml:"s" json:"s"`
			}
			for _, err := range []error{yaml.Unmarshal([]byte("s: "+test.yaml), &fromYAML), json.Unmarshal([]byte(`{"s":`+test.json+`}`), &fromJSON)} {
				if test.wantErr == "" && err != nil || test.wantErr != "" && (err == nil || !strings.Contains(err.Error(), test.wantErr) || strings.Contains(err.Error(), "hunter2")) {
					t.Fatalf("got %v, want %q", err, test.wantErr)
				}
			}
			if fromYAML.S != test.want || fromJSON.S != test.want {
				t.Errorf("YAML %#v, JSON %#v", fromYAML.S, fromJSON.S)
			}
		})
	}
}

func TestSecretResolve(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("DIALTREE_TEST_SECRET", "from env")
	t.Setenv("DIALTREE_TEST_EMPTY", "")
	tests := []struct {
		name    string
		secret  Secret
		want    string
		wantErr string
	}{
		{"none", Secret{}, "", ""},
		{"literal", Literal("x\n"), "x\n", ""},
		{"env", FromEnv("DIALTREE_TEST_SECRET"), "from env", ""},
		{"env not set", FromEnv("DIALTREE_TEST_NONE"), "", "environment variable DIALTREE_TEST_NONE, which should hold the secret, is not set"},
		{"env empty", FromEnv("DIALTREE_TEST_EMPTY"), "", "is not set"},
		{"file", FromFile(file("a", "from file")), "from file", ""},
		{"one line end is cut", FromFile(file("b", " x \n\n")), " x \n", ""},
		{"CRLF is cut", FromFile(file("c", "x\r\n")), "x", ""},
		{"empty file", FromFile(file("d", "\n")), "", "is empty"},
		{"longest file", FromFile(file("e", strings.Repeat("x", maxSecret)+"\r\n")), strings.Repeat("x", maxSecret), ""},
		{"long file", FromFile(file("f", strings.Repeat("x", maxSecret+1))), "", "longer than 65536 bytes"},
		{"no file", FromFile(filepath.Join(dir, "none")), "", "none: no such file"},
		{"masked", Literal(mask), "", "enter it again"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.secret.Resolve()
			if got != test.want || (err == nil) != (test.wantErr == "") || err != nil && !strings.Contains(err.Error(), test.wantErr) {
				t.Errorf("got %.40q, %v", got, err)
			}
		})
	}
}

func TestSecretsAreSealed(t *testing.T) {
	s := openTest(t)
	apply(t, s, Changes{PutObjects: []Object{
		&Device{Name: "reception", Password: Literal("hunter2")},
		&Device{Name: "lobby", Password: FromEnv("LOBBY")},
		&Connector{Name: "staff", Template: "ad-users", Source: Source{AD: &ADSource{
			Domain: "example.com", Server: "dc1", Username: "reader", LDAPSource: LDAPSource{Password: Literal("hunter2")}}}},
		&Connector{Name: "share", Template: "csv-users", Source: Source{CSV: &CSVSource{
			Path: "a", Remote: Remote{Share: &Share{UNC: `\\s\s`, Username: "u", Password: Literal("hunter2")}}}}},
		&Connector{Name: "basic", Template: "csv-users", Source: Source{XLSX: &XLSXSource{
			Remote: Remote{URL: "https://a", Username: "u", Password: Literal("hunter2")}}}},
		&Connector{Name: "pbx", Template: "pbx-phonebook", Source: Source{REST: &RESTSource{URL: "https://a", Username: "u", Password: Literal("hunter2")}}},
		&Connector{Name: "pbx-token", Template: "pbx-phonebook", Source: Source{REST: &RESTSource{URL: "https://a", Token: Literal("hunter2")}}},
		&Connector{Name: "bearer", Template: "csv-users", Source: Source{CSV: &CSVSource{Remote: Remote{URL: "https://a", Token: Literal("hunter2")}}}},
	}})
	content, err := os.ReadFile(filepath.Join(s.Dir(), fileName))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(content, []byte("hunter2")) {
		t.Error("the file holds the secret in clear")
	}
	d, err := s.Device("Reception")
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := d.Password.Resolve(); got != "hunter2" {
		t.Errorf("got %q", got)
	}

	c, err := s.Connector("staff")
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := c.Source.AD.Password.Resolve(); got != "hunter2" {
		t.Errorf("got %q", got)
	}
	if text := fmt.Sprintf("%+v", c.Source.AD); strings.Contains(text, "hunter2") {
		t.Errorf("the secret is in %s", text)
	}

	for name, secret := range map[string]func(*Source) Secret{
		"share":     func(s *Source) Secret { return s.CSV.Share.Password },
		"basic":     func(s *Source) Secret { return s.XLSX.Password },
		"bearer":    func(s *Source) Secret { return s.CSV.Token },
		"pbx":       func(s *Source) Secret { return s.REST.Password },
		"pbx-token": func(s *Source) Secret { return s.REST.Token },
	} {
		c, err := s.Connector(name)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := secret(&c.Source).Resolve(); got != "hunter2" {
			t.Errorf("%s: got %q", name, got)
		}
	}

	t.Run("a masked one keeps the stored one", func(t *testing.T) {
		got := apply(t, s, Changes{PutObjects: []Object{&Device{Name: "reception", Password: Literal(mask)}}})
		if got.Objects[0] != Unchanged {
			t.Errorf("%v", got.Objects)
		}
		if d, _ := s.Device("reception"); d.Password != Literal("hunter2") {
			t.Error("the secret is gone")
		}
	})
	t.Run("another literal is an update, the same is none", func(t *testing.T) {
		for _, want := range []Effect{Updated, Unchanged} {
			if got := apply(t, s, Changes{PutObjects: []Object{&Device{Name: "reception", Password: Literal("other")}}}); got.Objects[0] != want {
				t.Errorf("got %v, want %v", got.Objects[0], want)
			}
		}
	})
	t.Run("a reference drops the sealed literal", func(t *testing.T) {
		apply(t, s, Changes{PutObjects: []Object{&Device{Name: "reception", Password: FromFile("/run/pw")}}})
		if d, _ := s.Device("reception"); d.Password != FromFile("/run/pw") {
			t.Errorf("got %v", d.Password)
		}
	})
	t.Run("blobs cannot be swapped", func(t *testing.T) {
		place := sealedKey(ObjectRef{ObjectDevice, "a"}, "password")
		if _, err := s.key.open(sealedKey(ObjectRef{ObjectDevice, "b"}, "password"), s.key.seal(place, "x")); err == nil {
			t.Error("a sealed secret opened in another place")
		}
	})
}
