package yamldoc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// maxDepth is how deep a JSON document may be nested: no object of ours is half as deep.
const maxDepth = 32

var errDepth = errors.New("is nested too deeply")

// ParseJSON reads one JSON object as a document. It has no lines: mistakes are told by their paths
// alone. The error is of the type Problems.
//
// JSON is not quite YAML: the escapes of characters beyond Unicode's first plane are not, which
// many programs write.
func ParseJSON(text []byte) (*Document, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	root, err := jsonNode(dec, maxDepth)
	if err == nil {
		if _, err = dec.Token(); err == nil {
			err = errors.New("there is something behind the object")
		} else if errors.Is(err, io.EOF) {
			err = nil
		}
	}
	switch {
	case err != nil:
		return nil, Problems{{Message: "is no valid JSON: " + err.Error()}}
	case root.Kind != yaml.MappingNode:
		return nil, Problems{{Message: `must be an object, such as {"name": "value"}`}}
	}
	return &Document{Root: root}, refused("", "", root).Err()
}

// jsonNode reads one value.
func jsonNode(dec *json.Decoder, depth int) (*yaml.Node, error) {
	if depth == 0 {
		return nil, errDepth
	}
	token, err := dec.Token()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	scalar := func(tag, value string) (*yaml.Node, error) {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}, nil
	}
	switch t := token.(type) {
	case json.Delim:
		return jsonNodes(dec, t, depth)
	case string:
		return scalar("!!str", t)
	case json.Number:
		if _, err := strconv.ParseInt(t.String(), 10, 64); err != nil {
			return scalar("!!float", t.String())
		}
		return scalar("!!int", t.String())
	case bool:
		return scalar("!!bool", strconv.FormatBool(t))
	case nil:
		return scalar("!!null", "null")
	}
	return nil, fmt.Errorf("%v is no value", token)
}

// jsonNodes reads what is in brackets or braces.
func jsonNodes(dec *json.Decoder, open json.Delim, depth int) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	if open == '{' {
		n.Kind, n.Tag = yaml.MappingNode, "!!map"
	}
	for dec.More() {
		child, err := jsonNode(dec, depth-1)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, child)
		if n.Kind == yaml.SequenceNode {
			continue
		}
		value, err := jsonNode(dec, depth-1)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, value)
	}
	_, err := dec.Token()
	return n, err
}

// Default sets a key of the document's mapping that it does not have.
func (d *Document) Default(key, value string) {
	if n, _ := child(d.Root, key); n == nil {
		d.Root.Content = append(d.Root.Content,
			&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key},
			&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value})
	}
}
