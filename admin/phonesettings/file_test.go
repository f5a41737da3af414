package phonesettings

import (
	"mime"
	"regexp"
	"testing"
)

func TestFileNames(t *testing.T) {
	safe := regexp.MustCompile(`^[a-z0-9_.-]+$`)
	for _, v := range List() {
		name, contentType := v.file()
		if _, _, err := mime.ParseMediaType(contentType); !safe.MatchString(name) || err != nil {
			t.Errorf("%s: %q, %q, %v", v.Name, name, contentType, err)
		}
	}
	for name, want := range map[string]string{"yealink": "yealink.cfg", "snom": "snom.xml", "avaya": "46xxsettings.txt", "other": "other.txt", "panasonic": "panasonic.cfg"} {
		v, err := Find(name)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := v.file(); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
