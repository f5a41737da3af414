package store

import (
	"strings"
	"testing"
)

func TestNormalizeName(t *testing.T) {
	tests := []struct {
		name, login, want string
		ok                bool
	}{
		{"plain", "alice", "alice", true},
		{"capitals", "Alice.Smith@EXAMPLE.com", "alice.smith@example.com", true},
		{"blanks at the ends", "  alice ", "alice", true},
		{"blanks inside stay", "Alice  Smith", "alice  smith", true},
		{"umlaut, composed and not", "Mu\u0308ller", "m\u00fcller", true},
		{"full width", "\uff21lice", "alice", true},
		{"sharp s", "STRASSE", "strasse", true},
		{"sharp s folds", "stra\u00dfe", "strasse", true},
		{"no-break space at the end", "alice\u00a0", "alice", true},
		{"Kelvin sign", "\u212aelvin", "kelvin", true},
		{"empty", "", "", false},
		{"blank", "   ", "", false},
		{"NUL", "alice\x00", "", false},
		{"newline", "alice\n", "", false},
		{"DEL", "alice\x7f", "", false},
		{"C1", "alice\u0085", "", false},
		{"line separator", "alice\u2028", "", false},
		{"not UTF-8", "\xffalice", "", false},
		{"longest", strings.Repeat("a", maxName), strings.Repeat("a", maxName), true},
		{"too long", strings.Repeat("a", maxName+1), "", false},
		{"too long when normal", strings.Repeat("\ufdfa", maxName/3), "", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got, ok := NormalizeName(test.login); got != test.want || ok != test.ok {
				t.Errorf("got %q, %v, want %q, %v", got, ok, test.want, test.ok)
			}
		})
	}
}

// FuzzNormalizeName: a normal form is its own normal form, and so is the one of any case.
func FuzzNormalizeName(f *testing.F) {
	for _, s := range []string{"alice", " Ä ", "\u1d2c", "ǰ", "İ", "ΐ", "\u0345", "ﬃ", "ß\u0300", "\u3000a", "\u03d2\u0301"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, login string) {
		name, ok := NormalizeName(login)
		if !ok {
			return
		}
		if again, ok := NormalizeName(name); !ok || again != name {
			t.Fatalf("%q became %q and then %q, %v", login, name, again, ok)
		}
	})
}

func TestFieldTable(t *testing.T) {
	attributes := map[string]string{}
	for i, f := range Fields() {
		if f.ID != FieldID(i+1) {
			t.Errorf("%s has ID %d at place %d: fieldOf counts on the order", f.Name, f.ID, i)
		}
		if f.Help == "" || f.User == Unused && f.Contact == Unused && f.SpeedDial == Unused {
			t.Errorf("%s has no help or no use", f.Name)
		}
		for _, a := range f.Attributes {
			if other, ok := attributes[strings.ToLower(a)]; ok {
				t.Errorf("%s and %s both have the attribute %s", f.Name, other, a)
			}
			attributes[strings.ToLower(a)] = f.Name
			if got, ok := FieldByAttribute(strings.ToUpper(a)); !ok || got.ID != f.ID {
				t.Errorf("attribute %s finds %s", a, got.Name)
			}
		}
		if got, ok := FieldByName(strings.ToUpper(f.Name)); !ok || got.ID != f.ID || FieldByID(f.ID).Name != f.Name {
			t.Errorf("%s finds %s", f.Name, got.Name)
		}
	}
	Fields()[1].Attributes[0] = "changed"
	if FieldByID(DisplayName).Attributes[0] != "cn" {
		t.Error("a caller can change the table")
	}
	if FieldByID(60).Name != "" || FieldByID(0).Name != "" {
		t.Error("there is a field that is not")
	}
}

func TestValues(t *testing.T) {
	v := Values{{Username, "a"}, {Phone, "1"}, {Phone, "2"}}
	tests := []struct {
		name string
		got  Values
		want Values
	}{
		{"set between", v.With(Job, "x"), Values{{Username, "a"}, {Job, "x"}, {Phone, "1"}, {Phone, "2"}}},
		{"set at the end", v.With(Groups, "g"), append(v[:3:3], Value{Groups, "g"})},
		{"replace", v.With(Phone, "3"), Values{{Username, "a"}, {Phone, "3"}}},
		{"remove", v.With(Phone), Values{{Username, "a"}}},
		{"of nothing", Values(nil).With(Phone, "1"), Values{{Phone, "1"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if len(test.got) != len(test.want) {
				t.Fatalf("got %v, want %v", test.got, test.want)
			}
			for i := range test.got {
				if test.got[i] != test.want[i] {
					t.Fatalf("got %v, want %v", test.got, test.want)
				}
			}
		})
	}
	if !v.Has(Phone) || v.Has(Job) || v.First(Phone) != "1" || len(v.All(Phone)) != 2 {
		t.Error("accessors")
	}
	s := FieldSet(0).With(Phone, Job).Without(Job)
	if !s.Has(Phone) || s.Has(Job) || len(s.Fields()) != 1 {
		t.Error("field set")
	}
}
