package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/dialtree/dialtree/admin"
)

// A connectorDocument is a connector's document, taken apart: objects are maps, numbers json.Number.
// Keys that the form does not know stay in it.
type connectorDocument map[string]any

func parseConnector(d admin.Document) (connectorDocument, error) {
	var out connectorDocument
	dec := json.NewDecoder(bytes.NewReader(d))
	dec.UseNumber()
	if err := dec.Decode(&out); err != nil {
		return nil, fmt.Errorf("read the connector: %w", err)
	}
	return out, nil
}

// document returns the connector as the API takes it. What it holds came from JSON or is text.
func (d connectorDocument) document() (admin.Document, error) {
	return json.Marshal(map[string]any(d))
}

// clone returns a copy whose maps can be changed.
func (d connectorDocument) clone() connectorDocument { return cloneMap(d) }

func cloneMap(m map[string]any) map[string]any {
	m = maps.Clone(m)
	for key, value := range m {
		if below, ok := value.(map[string]any); ok {
			m[key] = cloneMap(below)
		}
	}
	return m
}

// at returns the value of a path, nil for none.
func (d connectorDocument) at(path string) any {
	var value any = map[string]any(d)
	for key := range strings.SplitSeq(path, ".") {
		m, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = m[key]
	}
	return value
}

// value returns the text of a path, empty for none.
func (d connectorDocument) value(path string) string { return shownValue(d.at(path), "") }

// set puts a value at a path and makes what is missing on the way.
func (d connectorDocument) set(path string, value any) {
	keys := strings.Split(path, ".")
	m := map[string]any(d)
	for _, key := range keys[:len(keys)-1] {
		below, ok := m[key].(map[string]any)
		if !ok {
			below = map[string]any{}
			m[key] = below
		}
		m = below
	}
	m[keys[len(keys)-1]] = value
}

// remove takes a path out, and what is empty without it.
func (d connectorDocument) remove(path string) {
	removeKeys(d, strings.Split(path, "."))
}

func removeKeys(m map[string]any, keys []string) {
	below, ok := m[keys[0]].(map[string]any)
	if len(keys) == 1 {
		delete(m, keys[0])
		return
	}
	if !ok {
		return
	}
	removeKeys(below, keys[1:])
	if len(below) == 0 {
		delete(m, keys[0])
	}
}

// shownValue is a value as an input shows it: a list a line each.
func shownValue(value any, missing string) string {
	switch v := value.(type) {
	case nil:
		return missing
	case string:
		return v
	case []any:
		lines := make([]string, len(v))
		for i := range v {
			lines[i] = fmt.Sprint(v[i])
		}
		return strings.Join(lines, "\n")
	}
	return fmt.Sprint(value)
}

// typedValue is what a key holds once a text was typed; nil takes the key out. A number that is none
// stays a text: the API says what is wrong with it.
func typedValue(kind valueKind, typed string) any {
	if typed == "" {
		return nil
	}
	switch kind {
	case valueNumber:
		if n, err := strconv.Atoi(typed); err == nil {
			return json.Number(strconv.Itoa(n))
		}
	case valueBool:
		return typed == "true"
	case valueList:
		list := []any{}
		for line := range strings.Lines(typed) {
			if line = strings.TrimSpace(line); line != "" {
				list = append(list, line)
			}
		}
		return list
	case valueSecret:
		return typedSecret(typed)
	}
	return typed
}

// typedSecret reads {env: NAME} and {file: PATH} as references; anything else is the secret itself.
func typedSecret(typed string) any {
	inner, open := strings.CutPrefix(typed, "{")
	inner, closed := strings.CutSuffix(inner, "}")
	key, value, found := strings.Cut(inner, ":")
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	if open && closed && found && (key == "env" || key == "file") && value != "" {
		return map[string]any{key: value}
	}
	return typed
}

// secretReference returns a stored reference as it was written; empty for a secret that is stored itself.
func secretReference(value any) string {
	m, ok := value.(map[string]any)
	if !ok {
		return ""
	}
	for key, v := range m {
		return fmt.Sprintf("{%s: %v}", key, v)
	}
	return ""
}
