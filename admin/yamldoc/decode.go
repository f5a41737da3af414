package yamldoc

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Decode stores the document in into, a pointer to a struct with yaml tags. Keys
// that the document leaves out keep the value they have. skip names keys of the
// top level that are read by the caller. The error is of the type Problems.
//
// A field's tag `example:"5m"` is what a message shows as an example.
func (d *Document) Decode(into any, skip ...string) error {
	x := decoder{file: d.File}
	if d.Root.Kind != yaml.MappingNode {
		return Problems{d.Problem("", "must be keys and values, such as `name: value`")}
	}
	x.structure("", d.Root, reflect.ValueOf(into).Elem(), skip)
	x.problems.Sort()
	return x.problems.Err()
}

// DecodeValue stores one value, which does not come from a file, in into. place is
// where it comes from; it stands in messages where a file's name would.
func DecodeValue(place, path, example string, n *yaml.Node, into any) error {
	x := decoder{file: place}
	x.value(path, n, reflect.ValueOf(into).Elem(), example)
	return x.problems.Err()
}

type decoder struct {
	file     string
	problems Problems
}

func (x *decoder) add(n *yaml.Node, path, format string, args ...any) {
	x.problems = append(x.problems, &Problem{File: x.file, Line: n.Line, Path: path, Message: fmt.Sprintf(format, args...)})
}

// structure decodes the keys of a mapping into the fields of a struct.
func (x *decoder) structure(path string, n *yaml.Node, v reflect.Value, skip []string) {
	fields := make(map[string]reflect.StructField)
	var names []string
	for _, f := range Keyed(v.Type()) {
		name := Key(f)
		fields[name] = f
		names = append(names, name)
	}
	names = append(names, skip...)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		f, known := fields[key.Value]
		switch {
		case contains(skip, key.Value):
		case known:
			x.value(Join(path, key.Value), n.Content[i+1], v.FieldByIndex(f.Index), f.Tag.Get("example"))
		default:
			x.add(key, Join(path, key.Value), "unknown key%s", Suggest(key.Value, names))
		}
	}
}

// Keyed returns the fields of a struct that have keys, those of embedded structs with the tag `yaml:",inline"` among them.
func Keyed(t reflect.Type) []reflect.StructField {
	var fields []reflect.StructField
	for f := range t.Fields() {
		switch {
		case Key(f) != "":
			fields = append(fields, f)
		case f.Anonymous && f.Tag.Get("yaml") == ",inline":
			for _, in := range Keyed(f.Type) {
				in.Index = append(slices.Clone(f.Index), in.Index...)
				fields = append(fields, in)
			}
		}
	}
	return fields
}

// Key returns the YAML key of a struct's field; empty when it has none.
func Key(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	if name == "-" {
		return ""
	}
	return name
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

var ownLine = regexp.MustCompile(`^line \d+: `)

var durationType = reflect.TypeFor[time.Duration]()

// value decodes one value; a null leaves v as it is.
func (x *decoder) value(path string, n *yaml.Node, v reflect.Value, example string) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return
	}
	if v.Kind() == reflect.Pointer {
		p := reflect.New(v.Type().Elem())
		before := len(x.problems)
		x.value(path, n, p.Elem(), example)
		if len(x.problems) == before {
			v.Set(p)
		}
		return
	}
	if x.itself(path, n, v) {
		return
	}
	if v.Type() == durationType {
		x.duration(path, n, v, example)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		if n.Kind != yaml.MappingNode {
			x.add(n, path, "must be keys and values%s, not %s", such(example), describe(n))
			return
		}
		x.structure(path, n, v, nil)
	case reflect.Slice:
		x.list(path, n, v, example)
	case reflect.Map:
		x.mapping(path, n, v, example)
	case reflect.String:
		x.text(path, n, v, example)
	case reflect.Bool:
		x.truth(path, n, v)
	case reflect.Int, reflect.Int64, reflect.Int32:
		x.integer(path, n, v, example)
	default:
		panic("yamldoc: no decoding for " + v.Type().String())
	}
}

// itself lets a type that knows how to read itself do so.
func (x *decoder) itself(path string, n *yaml.Node, v reflect.Value) bool {
	var err error
	switch u := v.Addr().Interface().(type) {
	case yaml.Unmarshaler:
		err = u.UnmarshalYAML(n)
	case encoding.TextUnmarshaler:
		if n.Kind != yaml.ScalarNode {
			x.add(n, path, "must be one value, not %s", describe(n))
			return true
		}
		err = u.UnmarshalText([]byte(n.Value))
	default:
		return false
	}
	if err != nil {
		below, text := message(err)
		text = ownLine.ReplaceAllString(text, "") // the problem has its own
		if below != "" && below[0] != '[' {
			path = Join(path, below)
		} else {
			path += below
		}
		x.add(n, path, "%s", text)
	}
	return true
}

func (x *decoder) text(path string, n *yaml.Node, v reflect.Value, example string) {
	// A number or a truth value where a text is expected is what somebody typed
	// without quotes: `phone: 0301234`, `label: yes`. The text is what was typed.
	if n.Kind != yaml.ScalarNode {
		x.add(n, path, "must be a text%s, not %s", such(example), describe(n))
		return
	}
	v.SetString(n.Value)
}

func (x *decoder) truth(path string, n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.ScalarNode || n.Value != "true" && n.Value != "false" {
		x.add(n, path, "must be true or false, not %s", describe(n))
		return
	}
	v.SetBool(n.Value == "true")
}

func (x *decoder) integer(path string, n *yaml.Node, v reflect.Value, example string) {
	i, err := strconv.ParseInt(n.Value, 10, 64)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil || i > math.MaxInt32 && v.Kind() == reflect.Int32 {
		x.add(n, path, "must be a whole number%s, not %s", such(example), describe(n))
		return
	}
	v.SetInt(i)
}

func (x *decoder) duration(path string, n *yaml.Node, v reflect.Value, example string) {
	if example == "" {
		example = "30s"
	}
	d, err := time.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		x.add(n, path, "must be a time with its unit%s, not %s", such(example), describe(n))
		return
	}
	v.SetInt(int64(d))
}

func (x *decoder) list(path string, n *yaml.Node, v reflect.Value, example string) {
	if n.Kind != yaml.SequenceNode {
		if example == "" {
			example = "[one, two]"
		}
		x.add(n, path, "must be a list%s, not %s", such(example), describe(n))
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, c := range n.Content {
		x.value(fmt.Sprintf("%s[%d]", path, i), c, out.Index(i), "")
	}
	v.Set(out)
}

func (x *decoder) mapping(path string, n *yaml.Node, v reflect.Value, example string) {
	if n.Kind != yaml.MappingNode {
		x.add(n, path, "must be keys and values%s, not %s", such(example), describe(n))
		return
	}
	out := reflect.MakeMapWithSize(v.Type(), len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		item := reflect.New(v.Type().Elem()).Elem()
		x.value(Join(path, n.Content[i].Value), n.Content[i+1], item, "")
		out.SetMapIndex(reflect.ValueOf(n.Content[i].Value).Convert(v.Type().Key()), item)
	}
	v.Set(out)
}

func such(example string) string {
	if example == "" {
		return ""
	}
	return " such as " + example
}

// describe says what was found where something else was expected.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys and values"
	case yaml.SequenceNode:
		return "a list"
	}
	const most = 40
	text := n.Value
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "…"
	}
	return strconv.Quote(text)
}
