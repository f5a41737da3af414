package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// A Maker makes requests.
type Maker struct {
	d    *Description
	r    *rand.Rand
	pool Pool
	bad  float64 // how likely one value is of a wrong kind
}

// A Pool is what values are taken from.
type Pool struct {
	// Names are of things that the server has, and texts that a property may well hold.
	Names []string
	// Texts are by the name of the property or parameter.
	Texts map[string][]string
	// Documents are JSON values for what the description leaves open.
	Documents []string
}

// NewMaker returns a maker whose requests depend on the seed.
func NewMaker(d *Description, seed string, pool Pool) *Maker {
	var key [32]byte
	copy(key[:], seed)
	return &Maker{d: d, r: rand.New(rand.NewChaCha8(key)), pool: pool}
}

// A Request is one that was made; the host is for the sender to set.
type Request struct {
	Method string
	URL    string // from the path on
	Header http.Header
	Body   []byte // nil: none
}

// String says what was sent, cut where it is long.
func (r *Request) String() string {
	return fmt.Sprintf("%s %.300q %v %.600q", r.Method, r.URL, r.Header, r.Body)
}

// Valid makes a request that fits the description. Its texts may be anything.
func (m *Maker) Valid(o Operation) *Request {
	m.bad = 0
	return m.request(o)
}

// Wrong makes one that does not: it may, by chance.
func (m *Maker) Wrong(o Operation) *Request {
	m.bad = []float64{0.05, 0.3, 0.9}[m.r.IntN(3)]
	r := m.request(o)
	switch m.r.IntN(6) {
	case 0:
		r.Body = []byte(m.pick(brokenBodies()))
	case 1:
		r.Header.Set("Content-Type", m.pick([]string{"text/plain", "application/x-www-form-urlencoded", "application/xml", "multipart/form-data", "application/json; charset=utf-7", "/"}))
	case 2:
		r.URL += "&" + url.QueryEscape(m.text("")) + "=" + url.QueryEscape(m.text(""))
	}
	return r
}

// request makes one; its values are wrong as often as m.bad says.
func (m *Maker) request(o Operation) *Request {
	r := &Request{Method: o.Method, Header: http.Header{}}
	path, query := o.Path, url.Values{}
	for _, p := range o.Parameters {
		if p.In != "path" && !p.Required && m.r.IntN(3) > 0 || m.r.Float64() < m.bad/3 && p.In != "path" {
			continue
		}
		value := m.plain(p.Schema, p.Name)
		switch p.In {
		case "path":
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(value))
		case "query":
			query.Set(p.Name, value)
		case "header":
			r.Header.Set(p.Name, headerValue(value))
		}
	}
	r.URL = path + "?" + query.Encode()
	if len(o.Bodies) > 0 {
		kind := o.Bodies[m.r.IntN(len(o.Bodies))]
		r.Header.Set("Content-Type", kind)
		r.Body = []byte(m.text("body"))
		if kind == "application/json" {
			r.Body = m.json(o.body)
		}
	}
	return r
}

func (m *Maker) json(s *schema) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(m.r.IntN(2) == 0)
	if err := e.Encode(m.value(s, "", 0)); err != nil {
		panic(err) // values are made of what JSON has
	}
	return b.Bytes()
}

// plain is a value as a path, a query or a header has it.
func (m *Maker) plain(s *schema, name string) string {
	v := m.value(s, name, 0)
	if text, ok := v.(string); ok {
		return text
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // values are made of what JSON has
	}
	return string(text)
}

// headerValue takes out what no client can send.
func headerValue(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// maxDepth bounds values that describe themselves.
const maxDepth = 6

// value makes a value for a property.
func (m *Maker) value(s *schema, name string, depth int) any {
	s = m.d.resolve(s)
	if m.r.Float64() < m.bad {
		return m.anything(name)
	}
	if len(s.Enum) > 0 {
		return s.Enum[m.r.IntN(len(s.Enum))]
	}
	kind := ""
	if len(s.Type) > 0 {
		kind = s.Type[m.r.IntN(len(s.Type))]
	}
	if kind == "null" && m.r.IntN(4) > 0 {
		kind = s.Type[0]
	}
	switch kind {
	case "null":
		return nil
	case "boolean":
		return m.r.IntN(2) == 0
	case "integer":
		return int64(m.number(s))
	case "number":
		return m.number(s)
	case "string":
		return m.text(name)
	case "array":
		return m.list(s, name, depth)
	case "object":
		return m.object(s, depth)
	}
	if len(m.pool.Documents) == 0 {
		return m.anything(name)
	}
	return m.document()
}

func (m *Maker) number(s *schema) float64 {
	low, high := -1000.0, 1000.0
	if s.Minimum != nil {
		low = *s.Minimum
	}
	if s.Maximum != nil {
		high = *s.Maximum
	}
	return low + float64(m.r.IntN(int(max(1, high-low+1))))
}

func (m *Maker) list(s *schema, name string, depth int) []any {
	list := []any{}
	for range s.MinItems + m.r.IntN(4) {
		if depth < maxDepth {
			list = append(list, m.value(s.Items, name, depth+1))
		}
	}
	return list
}

func (m *Maker) object(s *schema, depth int) map[string]any {
	object := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		required := slices.Contains(s.Required, name)
		if (required || m.r.IntN(2) == 0) && m.r.Float64() >= m.bad/3 && depth < maxDepth {
			object[name] = m.value(s.Properties[name], name, depth+1)
		}
	}
	if m.r.Float64() < m.bad {
		object[m.text("")] = m.anything("")
	}
	return object
}

// document is one of the pool, some of its values changed.
func (m *Maker) document() any {
	var v any
	if err := json.Unmarshal([]byte(m.pick(m.pool.Documents)), &v); err != nil {
		panic(fmt.Errorf("a document of the pool: %w", err))
	}
	return m.changed(v, "")
}

func (m *Maker) changed(v any, name string) any {
	likely := 0.15 + m.bad/2
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			v[key] = m.changed(v[key], key)
		}
		return v
	case []any:
		for i := range v {
			v[i] = m.changed(v[i], name)
		}
		return v
	case string:
		if name == "kind" && m.bad == 0 || m.r.Float64() > likely {
			return v
		}
		return m.text(name)
	}
	if m.r.Float64() > m.bad {
		return v
	}
	return m.anything(name)
}

// anything is a value of any kind.
func (m *Maker) anything(name string) any {
	switch m.r.IntN(9) {
	case 0:
		return nil
	case 1:
		return m.r.IntN(2) == 0
	case 2:
		return []any{-1, 0, 1 << 31, -(1 << 63), 1e300, 0.5, uint64(1<<64 - 1)}[m.r.IntN(7)]
	case 3:
		return []any{}
	case 4:
		return map[string]any{}
	case 5:
		return []any{m.text(name), nil, map[string]any{m.text(name): m.text(name)}}
	case 6:
		return map[string]any{"kind": m.text(name), "": "", "__proto__": []any{1}}
	case 7:
		return strconv.Itoa(m.r.IntN(100000) - 1000)
	}
	return m.text(name)
}

func (m *Maker) pick(list []string) string { return list[m.r.IntN(len(list))] }
