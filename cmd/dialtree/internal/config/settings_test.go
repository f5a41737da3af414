package config

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func settings(t *testing.T, c *Config) map[string]Setting {
	t.Helper()
	out := map[string]Setting{}
	for _, s := range c.Settings() {
		out[s.Key] = s
	}
	return out
}

func TestSettingsSayWhereValuesCameFrom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dialtree.yaml")
	if err := os.WriteFile(path, []byte("base_dn: dc=example\nldap:\n  size_limit: 100\n  idle_timeout: 90s\nadmin:\n  metrics_from: [10.0.0.0/8, 127.0.0.1]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path, []string{"DIALTREE_LDAP_SIZE_LIMIT=200", "DIALTREE_LDAP_LISTEN=127.0.0.1:1,127.0.0.1:2"})
	if err != nil {
		t.Fatal(err)
	}
	got := settings(t, c)
	for _, want := range []Setting{
		{Key: "base_dn", Value: "dc=example", Default: "dc=dialtree", Origin: Origin{FromFile, path + ":1"}},
		{Key: "ldap.size_limit", Value: "200", Default: "500", Origin: Origin{FromEnvironment, "DIALTREE_LDAP_SIZE_LIMIT"}, Reload: true},
		{Key: "ldap.idle_timeout", Value: "1m30s", Default: "5m", Origin: Origin{FromFile, path + ":4"}, Reload: true},
		{Key: "ldap.listen", Value: "127.0.0.1:1, 127.0.0.1:2", Default: "127.0.0.1:3389", Origin: Origin{FromEnvironment, "DIALTREE_LDAP_LISTEN"}},
		{Key: "admin.metrics_from", Value: "10.0.0.0/8, 127.0.0.1/32", Default: "127.0.0.0/8", Origin: Origin{FromFile, path + ":6"}},
		{Key: "throttle.delay", Value: "30s", Default: "30s", Origin: Origin{From: FromDefault}, Reload: true},
		{Key: "ldap.max_message_bytes.after_bind", Value: "262144", Default: "262144", Origin: Origin{From: FromDefault}, Reload: true},
	} {
		t.Run(want.Key, func(t *testing.T) {
			s := got[want.Key]
			s.Help = ""
			if s != want {
				t.Errorf("got %+v, want %+v", s, want)
			}
		})
	}
}

// A new key comes with what people are told of it.
func TestEveryKeyIsDescribed(t *testing.T) {
	keys := settings(t, Default())
	for key, s := range keys {
		if s.Help == "" {
			t.Errorf("%s has no help in descriptions", key)
		}
	}
	for key := range descriptions {
		if _, ok := keys[key]; !ok {
			t.Errorf("descriptions has %s, which is no key", key)
		}
	}
}

func TestReloadedTakesOverWhatMayChange(t *testing.T) {
	old, next := Default(), Default()
	old.Origins = map[string]Origin{"base_dn": {FromFile, "a.yaml:1"}, "ldap.size_limit": {FromFile, "a.yaml:2"}}
	next.BaseDN, next.LDAP.SizeLimit, next.Throttle.Delay = "dc=other", 7, time.Minute
	next.Origins = map[string]Origin{"base_dn": {FromFile, "a.yaml:9"}, "throttle.delay": {FromFile, "a.yaml:3"}}
	got := settings(t, old.Reloaded(next))
	if s := got["base_dn"]; s.Value != "dc=dialtree" || s.Origin.Where != "a.yaml:1" {
		t.Errorf("base_dn needs a restart: %+v", s)
	}
	if s := got["ldap.size_limit"]; s.Value != "7" || s.Origin.From != FromDefault {
		t.Errorf("size_limit: %+v", s)
	}
	if s := got["throttle.delay"]; s.Value != "1m" || s.Origin.Where != "a.yaml:3" {
		t.Errorf("delay: %+v", s)
	}
	if old.LDAP.SizeLimit != 500 {
		t.Error("the old configuration was changed")
	}
}
