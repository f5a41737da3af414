package yamldoc

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// FromJSON writes a JSON document as YAML, with its keys in their order.
func FromJSON(document []byte, without ...string) ([]byte, error) {
	var n yaml.Node // JSON is YAML
	if err := yaml.Unmarshal(document, &n); err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	block(&n)
	for _, top := range n.Content {
		for i := 0; top.Kind == yaml.MappingNode && i+1 < len(top.Content); i += 2 {
			if contains(without, top.Content[i].Value) {
				top.Content = slices.Delete(top.Content, i, i+2)
				i -= 2
			}
		}
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(&n); err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	return out.Bytes(), nil
}

// block replaces JSON's braces and quotes by YAML's plain style; the encoder puts
// quotes where a text would read as something else.
func block(n *yaml.Node) {
	n.Style = 0
	if n.Kind == yaml.ScalarNode && strings.HasPrefix(strings.TrimLeft(n.Value, " \t\r"), "\n") {
		// The encoder's block style for a text that begins with an empty line is not
		// always read back.
		n.Style = yaml.DoubleQuotedStyle
	}
	for _, c := range n.Content {
		block(c)
	}
	if n.Kind == yaml.SequenceNode && allScalars(n) {
		n.Style = yaml.FlowStyle
	}
}

func allScalars(n *yaml.Node) bool {
	for _, c := range n.Content {
		if c.Kind != yaml.ScalarNode {
			return false
		}
	}
	return true
}
