package yamldoc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A Document is one document of a YAML text.
type Document struct {
	File string // as it was given to Parse
	Line int    // where it begins
	Root *yaml.Node
}

// Parse splits a text into its documents. Empty documents are left out. The error
// is of the type Problems: the text is no YAML, or holds what this package refuses.
func Parse(file string, text []byte) ([]*Document, error) {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var docs []*Document
	var problems Problems
	for {
		var n yaml.Node
		err := dec.Decode(&n)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			problems = append(problems, syntaxProblem(file, err))
			break
		}
		if len(n.Content) == 0 || isEmpty(n.Content[0]) {
			continue
		}
		root := n.Content[0]
		problems = append(problems, refused(file, "", root)...)
		docs = append(docs, &Document{File: file, Line: root.Line, Root: root})
	}
	return docs, problems.Err()
}

func isEmpty(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag == "!!null" && n.Value == ""
}

// refused finds what a document must not hold wherever it stands.
func refused(file, path string, n *yaml.Node) Problems {
	var ps Problems
	add := func(n *yaml.Node, path, text string) {
		ps = append(ps, &Problem{File: file, Line: n.Line, Path: path, Message: text})
	}
	switch {
	case n.Kind == yaml.AliasNode, n.Anchor != "":
		add(n, path, "anchors (&) and aliases (*) are not allowed: write the value out, in quotes if it begins with & or *")
		return ps
	case n.Style&yaml.TaggedStyle != 0:
		add(n, path, "tags (!) are not allowed: write the value in quotes if it begins with !")
		return ps
	case n.Kind == yaml.SequenceNode:
		for i, c := range n.Content {
			ps = append(ps, refused(file, fmt.Sprintf("%s[%d]", path, i), c)...)
		}
	case n.Kind == yaml.MappingNode:
		seen := make(map[string]int, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			k := n.Content[i]
			if k.Kind != yaml.ScalarNode || k.Tag == "!!merge" {
				add(k, path, "a key must be a plain word")
				continue
			}
			at := Join(path, k.Value)
			if line, twice := seen[k.Value]; twice {
				add(k, at, fmt.Sprintf("is given twice, first on line %d: keep one of them", line))
			} else {
				seen[k.Value] = k.Line
			}
			ps = append(ps, refused(file, at, n.Content[i+1])...)
		}
	}
	return ps
}

// Join appends a key to a path.
func Join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

// syntaxProblem tells a YAML error in the form of this package. The library's
// message about an unknown alias quotes the text, which may be an unquoted password
// that begins with an asterisk: it is replaced.
func syntaxProblem(file string, err error) *Problem {
	text := err.Error()
	p := &Problem{File: file}
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		p.Line, _ = strconv.Atoi(m[1])
		text = text[len(m[0]):]
	}
	text = strings.TrimPrefix(text, "yaml: ")
	if strings.HasPrefix(text, "unknown anchor") {
		text = "a value that begins with * must be in quotes"
	}
	p.Message = "is no valid YAML: " + text
	return p
}

// LineOf returns the line of the value at a path such as "tls.ca_file" or "urls[1]",
// or of the nearest value above it that the document has.
func (d *Document) LineOf(path string) int {
	n, line := d.Root, d.Line
	for path != "" {
		var step string
		step, path = firstStep(path)
		var at int
		if n, at = child(n, step); n == nil {
			break
		}
		line = at
	}
	return line
}

// firstStep cuts the first key or "[index]" off a path.
func firstStep(path string) (step, rest string) {
	end := len(path)
	for i := 1; i < len(path); i++ {
		if path[i] == '.' || path[i] == '[' {
			end = i
			break
		}
	}
	return path[:end], strings.TrimPrefix(path[end:], ".")
}

// child returns the value of a step below n and the line of its key.
func child(n *yaml.Node, step string) (*yaml.Node, int) {
	if index, ok := strings.CutPrefix(step, "["); ok {
		i, err := strconv.Atoi(strings.TrimSuffix(index, "]"))
		if err != nil || n.Kind != yaml.SequenceNode || i < 0 || i >= len(n.Content) {
			return nil, 0
		}
		return n.Content[i], n.Content[i].Line
	}
	if n.Kind != yaml.MappingNode {
		return nil, 0
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == step {
			return n.Content[i+1], n.Content[i].Line
		}
	}
	return nil, 0
}

// Problem returns a mistake at a path of the document.
func (d *Document) Problem(path, text string) *Problem {
	return &Problem{File: d.File, Line: d.LineOf(path), Path: path, Message: text}
}

// Text returns the plain value of a key of the document's mapping.
func (d *Document) Text(key string) (string, bool) {
	n, _ := child(d.Root, key)
	if n == nil || n.Kind != yaml.ScalarNode {
		return "", false
	}
	return n.Value, true
}

// Has tells whether the document holds a value at a path.
func (d *Document) Has(path string) bool {
	n := d.Root
	for path != "" && n != nil {
		var step string
		step, path = firstStep(path)
		n, _ = child(n, step)
	}
	return n != nil
}

// Texts returns the plain values of a key that holds one or a list of them. A null and
// an empty text are no value.
func (d *Document) Texts(key string) ([]string, error) {
	n, _ := child(d.Root, key)
	if n == nil {
		return nil, nil
	}
	nodes := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		nodes = n.Content
	}
	var out []string
	for _, c := range nodes {
		if c.Kind != yaml.ScalarNode {
			return nil, errors.New("must be a text or a list of texts")
		}
		if c.Tag != "!!null" && c.Value != "" {
			out = append(out, c.Value)
		}
	}
	return out, nil
}
