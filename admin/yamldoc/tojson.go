package yamldoc

import (
	"bytes"
	"encoding/json"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// JSON writes the document as JSON, with its keys in their order. A value that JSON has no type for, such as a
// date, is a text as it stands in the document.
func (d *Document) JSON() (json.RawMessage, error) {
	var out bytes.Buffer
	if err := writeNode(&out, d.Root); err != nil {
		return nil, fmt.Errorf("%s:%d: %w", d.File, d.Line, err)
	}
	return out.Bytes(), nil
}

func writeNode(out *bytes.Buffer, n *yaml.Node) error {
	switch n.Kind {
	case yaml.MappingNode:
		out.WriteByte('{')
		for i := 0; i+1 < len(n.Content); i += 2 {
			if i > 0 {
				out.WriteByte(',')
			}
			if err := writeJSONValue(out, n.Content[i].Value); err != nil {
				return err
			}
			out.WriteByte(':')
			if err := writeNode(out, n.Content[i+1]); err != nil {
				return err
			}
		}
		out.WriteByte('}')
		return nil
	case yaml.SequenceNode:
		out.WriteByte('[')
		for i, c := range n.Content {
			if i > 0 {
				out.WriteByte(',')
			}
			if err := writeNode(out, c); err != nil {
				return err
			}
		}
		out.WriteByte(']')
		return nil
	}
	return writeScalar(out, n)
}

func writeScalar(out *bytes.Buffer, n *yaml.Node) error {
	var v any = n.Value
	switch n.ShortTag() {
	case "!!null", "!!bool", "!!int", "!!float":
		if err := n.Decode(&v); err != nil {
			return err
		}
	}
	if err := writeJSONValue(out, v); err != nil {
		// JSON has no .inf and no .nan.
		return writeJSONValue(out, n.Value)
	}
	return nil
}

func writeJSONValue(out *bytes.Buffer, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	out.Write(text)
	return nil
}
