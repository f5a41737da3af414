package rest

import (
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// A pointer prints as it was written, and is found in a document that was built around it.
func FuzzPointer(f *testing.F) {
	for _, seed := range []string{"", "/", "/a", "/a/0/b", "/a~1b/~0~01", "/~", "a", "//", "/ä/😀"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePointer(text)
		if err != nil {
			return
		}
		if p.String() != text {
			t.Fatalf("%q was read as %q", text, p.String())
		}
		if !utf8.ValidString(text) || len(p) > maxDepth-2 {
			return // JSON has no such names
		}
		var document any = "here"
		for _, name := range slices.Backward(p) {
			document = map[string]any{name: document, name + "x": "there"}
		}
		data, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		var found scalar
		tokens := newTokens(strings.NewReader(string(data)))
		first, err := tokens.next()
		if err != nil {
			t.Fatal(err)
		}
		if err := tokens.seek([]target{{p, found.taker("list")}}, first, 1); err != nil || found.text != "here" {
			t.Fatalf("%q leads to %+v in %s, %v", text, found, data, err)
		}
	})
}

// plain is what a record comes to by way of maps: the values of a path, sorted where the order of names would tell.
func plain(into map[string][]string, name string, value any) {
	switch v := value.(type) {
	case string:
		if v = strings.TrimSpace(v); v != "" {
			into[name] = append(into[name], v)
		}
	case json.Number:
		into[name] = append(into[name], v.String())
	case bool:
		into[name] = append(into[name], strconv.FormatBool(v))
	case []any:
		for _, e := range v {
			plain(into, name, e)
		}
	case map[string]any:
		for key, e := range v {
			if name != "" {
				key = name + "." + key
			}
			plain(into, key, e)
		}
	}
}

// Whatever a server sends, reading ends; and what is a list of objects comes out as it does by way of encoding/json's maps.
func FuzzRecords(f *testing.F) {
	for _, seed := range []string{
		`[{"a":"1","b":{"c":[1,true,null,{"d":"x"}]}}]`, `[{"a":"1","a":"2"}]`, `[1,"x",null,[[]]]`, `[{"a":"\ud800"}]`, `[`, `{}`, `[{"":{"":1}}]`,
		`[{"a.b":1,"a":{"b":2}}]`, `[{"a":" x "}] x`, `[{"a":1e400}]`, "[{\"a\":\"\xff\"}]",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tokens := newTokens(strings.NewReader(string(data)))
		flat := flattener{index: map[string]int{}, digest: sha256.New()}
		var rows []map[string][]string
		sound := true
		first, err := tokens.next()
		if err == nil && first == json.Delim('[') {
			err = tokens.each('[', func(_ string, token json.Token) error {
				r, err := flat.record(tokens, token, 2)
				if err != nil {
					return err
				}
				sound = sound && r.Reason == ""
				values := map[string][]string{}
				for i, column := range r.Columns {
					if len(r.Values[i]) == 0 || slices.Contains(r.Values[i], "") {
						t.Fatalf("column %q holds %q", flat.names[column], r.Values[i])
					}
					values[flat.names[column]] = r.Values[i]
				}
				rows = append(rows, values)
				return nil
			})
			if err == nil {
				err = tokens.end()
			}
		} else {
			return
		}
		if err == nil != (json.Valid(data) || json.Valid([]byte(strings.TrimPrefix(string(data), "\xEF\xBB\xBF")))) && err != errTooDeep {
			t.Fatalf("%v, though valid JSON is %v", err, json.Valid(data))
		}
		if err != nil || !sound || hasDuplicates(data) {
			return
		}
		decoder := json.NewDecoder(strings.NewReader(strings.TrimPrefix(string(data), "\xEF\xBB\xBF")))
		decoder.UseNumber()
		var list []any
		if err := decoder.Decode(&list); err != nil {
			t.Fatal(err)
		}
		if len(list) != len(rows) {
			t.Fatalf("%d records, want %d", len(rows), len(list))
		}
		for i, record := range list {
			want := map[string][]string{}
			plain(want, "", record)
			if len(want) != len(rows[i]) {
				t.Fatalf("record %d is %q, want %q", i, rows[i], want)
			}
			for name, values := range want {
				got := slices.Sorted(slices.Values(rows[i][name]))
				if !slices.Equal(got, slices.Sorted(slices.Values(values))) {
					t.Fatalf("record %d: %q is %q, want %q", i, name, got, values)
				}
			}
		}
	})
}

// hasDuplicates tells whether an object in a document has a name twice: a map would lose a value.
func hasDuplicates(data []byte) bool {
	tokens := newTokens(strings.NewReader(string(data)))
	var value func(token json.Token) (bool, error)
	value = func(token json.Token) (twice bool, err error) {
		begun, ok := token.(json.Delim)
		if !ok {
			return false, nil
		}
		names := map[string]bool{}
		err = tokens.each(begun, func(key string, token json.Token) error {
			twice = twice || names[key]
			names[key] = true
			below, err := value(token)
			twice = twice || below
			return err
		})
		return twice, err
	}
	first, err := tokens.next()
	if err != nil {
		return false
	}
	twice, _ := value(first)
	return twice
}
