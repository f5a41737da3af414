package yamldoc_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/admin/yamldoc"
)

func TestParseJSON(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"an object", `{"name":"x","phone":["030","😀"]}`, ""},
		{"no object", `["x"]`, "must be an object"},
		{"nothing", ``, "is no valid JSON"},
		{"cut off", `{"a":`, "is no valid JSON"},
		{"two", `{} {}`, "behind the object"},
		{"a key twice", `{"a":1,"b":2,"a":3}`, "a: is given twice"},
		{"too deep", strings.Repeat("[", 100) + strings.Repeat("]", 100), "too deeply"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := yamldoc.ParseJSON([]byte(tc.text))
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
}

// FuzzParseJSON: a document says of its keys what encoding/json does.
func FuzzParseJSON(f *testing.F) {
	f.Add(`{"kind":"user","phone":["0301",null,"😀"],"x":1e9}`)
	f.Add(`{"kind":"user","kind":1}`)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := yamldoc.ParseJSON([]byte(text))
		if err != nil {
			return
		}
		var want map[string]any
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatalf("json refuses what was read: %v", err)
		}
		for key, value := range want {
			got, ok := d.Text(key)
			if s, isText := value.(string); isText && (!ok || got != s) {
				t.Errorf("%s is %q, want %q", key, got, s)
			}
		}
	})
}
