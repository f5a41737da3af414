package config

import (
	"fmt"
	"net/netip"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Addresses are listening addresses: one, or a list of them; "" is none.
type Addresses []string

// UnmarshalYAML reads one address or a list.
func (a *Addresses) UnmarshalYAML(n *yaml.Node) error {
	list, err := texts(n, "127.0.0.1:3389")
	if err != nil {
		return err
	}
	*a = list
	return nil
}

// Prefixes are networks of clients.
type Prefixes []netip.Prefix

// UnmarshalYAML reads one network or a list; an address alone is a network of one.
func (p *Prefixes) UnmarshalYAML(n *yaml.Node) error {
	list, err := texts(n, "[10.0.0.0/8]")
	if err != nil {
		return err
	}
	out := make(Prefixes, 0, len(list))
	for i, text := range list {
		prefix, err := parsePrefix(text)
		if err != nil {
			return &valueError{fmt.Sprintf("[%d]", i), err.Error()}
		}
		out = append(out, prefix)
	}
	*p = out
	return nil
}

func parsePrefix(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return prefix, fmt.Errorf("must be a network such as 10.0.0.0/8 or fd00::/8, not %q", text)
	}
	// 10.1.2.3/8 is more often a slip than a wish: the bits behind the length are lost.
	if prefix.Masked() != prefix {
		return prefix, fmt.Errorf("%s has bits behind its length: write %s for the network or %s for the one address",
			text, prefix.Masked(), prefix.Addr())
	}
	return prefix, nil
}

// texts reads a text or a list of texts; empty ones are left out.
func texts(n *yaml.Node, example string) ([]string, error) {
	nodes := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		nodes = n.Content
	}
	out := []string{}
	for _, c := range nodes {
		if c.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("must be a text or a list of texts such as %s", example)
		}
		if text := strings.TrimSpace(c.Value); text != "" && c.Tag != "!!null" {
			out = append(out, text)
		}
	}
	return out, nil
}

// A valueError is a mistake at a path below a value.
type valueError struct{ path, text string }

func (e *valueError) Error() string        { return e.path + ": " + e.text }
func (e *valueError) FieldPath() string    { return e.path }
func (e *valueError) FieldMessage() string { return e.text }
