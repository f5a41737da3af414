package yamldoc_test

import (
	"encoding/json"
	"testing"

	"github.com/dialtree/dialtree/admin/yamldoc"
)

func TestJSON(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"keys keep their order", "kind: connector\nname: staff\na: 1\n", `{"kind":"connector","name":"staff","a":1}`},
		{"lists and mappings", "x: [1, two, {three: 3.5}]\ny:\n  z: ~\n", `{"x":[1,"two",{"three":3.5}],"y":{"z":null}}`},
		{"a quoted number is a text", "x: '030'\ny: 030\n", `{"x":"030","y":24}`},
		{"a date is a text", "x: 2027-01-31\n", `{"x":"2027-01-31"}`},
		{"no number of JSON", "x: .inf\n", `{"x":".inf"}`},
		{"truth", "x: true\ny: 'true'\n", `{"x":true,"y":"true"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			docs, err := yamldoc.Parse("test.yaml", []byte(tc.text))
			if err != nil {
				t.Fatal(err)
			}
			got, err := docs[0].JSON()
			if err != nil || string(got) != tc.want {
				t.Errorf("got %s, %v; want %s", got, err, tc.want)
			}
		})
	}
}

// FuzzJSON: whatever is read is valid JSON, and reads as the same JSON again.
func FuzzJSON(f *testing.F) {
	f.Add("kind: user\nphone: ['+49 30', 12]\n")
	f.Add("a: {b: [~, .nan, 2027-01-01, 0x1F, 1e400]}\n")
	f.Fuzz(func(t *testing.T, text string) {
		docs, err := yamldoc.Parse("fuzz.yaml", []byte(text))
		if err != nil {
			return
		}
		for _, d := range docs {
			first, err := d.JSON()
			if err != nil {
				continue
			}
			if !json.Valid(first) {
				t.Fatalf("no JSON: %s", first)
			}
			again, err := yamldoc.FromJSON(first)
			if err != nil {
				continue // YAML allows less than JSON, such as long keys
			}
			back, err := yamldoc.Parse("again.yaml", again)
			if err != nil || len(back) != 1 {
				continue
			}
			if second, err := back[0].JSON(); err != nil || string(second) != string(first) {
				t.Fatalf("%s became %s, %v", first, second, err)
			}
		}
	})
}
