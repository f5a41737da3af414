package config

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/dialtree/dialtree/admin/yamldoc"
	"github.com/dialtree/dialtree/store"
)

const variablePrefix = "DIALTREE_"

// Variable returns the name of the environment variable that overrides a key.
func Variable(key string) string {
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// A leaf is a key that holds a value.
type leaf struct {
	key     string
	example string
	value   reflect.Value
}

// leaves lists the keys of c in the order of its declaration.
func (c *Config) leaves() []leaf {
	var out []leaf
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		for f := range v.Type().Fields() {
			name := yamldoc.Key(f)
			if name == "" {
				continue
			}
			key, value := yamldoc.Join(path, name), v.FieldByIndex(f.Index)
			if f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[store.Secret]() {
				walk(key, value)
			} else {
				out = append(out, leaf{key, f.Tag.Get("example"), value})
			}
		}
	}
	walk("", reflect.ValueOf(c).Elem())
	return out
}

// override applies the variables of environ. A variable that resembles a key but is
// none is a mistake: a setting that silently does nothing is found out on the wrong
// day. Other variables are left alone: {env: NAME} in an object may name any.
func (l *loader) override(environ []string) {
	given := make(map[string]string)
	for _, e := range environ {
		if name, value, ok := strings.Cut(e, "="); ok && strings.HasPrefix(name, variablePrefix) {
			given[name] = value
		}
	}
	l.from = make(map[string]string)
	known := []string{"DIALTREE_CONFIG"}
	for _, leaf := range l.config.leaves() {
		name := Variable(leaf.key)
		known = append(known, name)
		value, ok := given[name]
		if !ok {
			continue
		}
		// The variable decides: what the file says of this key is not looked at again.
		l.problems = slices.DeleteFunc(l.problems, func(p *yamldoc.Problem) bool { return p.Path == leaf.key })
		l.from[leaf.key] = name
		l.collect(yamldoc.DecodeValue(name, leaf.key, leaf.example, node(leaf.value, value), leaf.value.Addr().Interface()))
	}
	var unknown []string
	for name := range given {
		if !slices.Contains(known, name) && (isSection(name) || strings.HasPrefix(yamldoc.Suggest(name, known), "; did")) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		l.problems = append(l.problems, &yamldoc.Problem{File: name,
			Message: "no key has this variable" + nearest(name, known) + " Unset it or correct its name"})
	}
}

// nearest ends a sentence with the known name that was probably meant.
func nearest(name string, known []string) string {
	if s := yamldoc.Suggest(name, known); strings.HasPrefix(s, "; did") {
		return s
	}
	return "."
}

// isSection tells whether a variable's name begins like that of a section's key.
func isSection(name string) bool {
	for f := range reflect.TypeFor[Config]().Fields() {
		if f.Type.Kind() == reflect.Struct && strings.HasPrefix(name, Variable(yamldoc.Key(f))+"_") {
			return true
		}
	}
	return false
}

// node gives a variable's text the form that the key would have in YAML.
func node(v reflect.Value, text string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: text, Tag: "!!str"}
	switch {
	case v.Kind() == reflect.Slice:
		n = &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for part := range strings.SplitSeq(text, ",") {
			n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: part, Tag: "!!str"})
		}
	case v.Kind() == reflect.Int || v.Type() == reflect.TypeFor[time.Duration]():
		n.Tag = "!!int"
	}
	return n
}
