package admin

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/dialtree/dialtree/store"
)

// A Document is an object or an entry as JSON with the keys of YAML, kind first.
type Document = json.RawMessage

// objectDocument writes an object. Its secrets mask themselves.
func objectDocument(o store.Object) (Document, error) {
	body, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", store.RefOf(o), err)
	}
	return append(fmt.Appendf(nil, `{"kind":%q,`, o.ObjectKind()), body[1:]...), nil
}

// entryDocument writes an entry: its fields in the order of the field table, those
// that hold many values as lists. A password is never among them.
func entryDocument(e *store.Entry) Document {
	w := objectWriter{}
	w.key("kind", e.Kind.String())
	if e.Kind != store.KindUser {
		w.key("id", e.ID)
	}
	if e.Phonebook != "" {
		w.key("phonebook", e.Phonebook)
	}
	for _, f := range store.Fields() {
		if shown(f, e.Kind) {
			w.field(f, e)
		}
	}
	if e.Kind == store.KindUser {
		w.key("auth", authDocument{
			Method:   e.Auth.Method.String(),
			Upstream: e.Auth.Upstream,
			DN:       e.Auth.DN,
			Disabled: e.Auth.Disabled,
		})
	}
	if e.Owner != "" {
		w.key("connector", e.Owner)
	}
	if e.Hidden() {
		w.key("removed", e.Removed.Format(time.RFC3339))
	}
	return w.bytes()
}

// shown tells whether documents of a kind have the field. Those that are never
// compared are passwords: documents hold them on their way in only.
func shown(f store.Field, k store.Kind) bool {
	return f.UsedBy(k) != store.Unused && f.Matching != store.MatchNone
}

// authDocument is how a user logs in, as documents hold it.
type authDocument struct {
	Method   string `yaml:"method" json:"method" example:"upstream"`
	Upstream string `yaml:"upstream" json:"upstream,omitempty" example:"corp"`
	DN       string `yaml:"dn" json:"dn,omitempty"`
	Disabled bool   `yaml:"disabled" json:"disabled,omitempty"`
}

// An objectWriter writes a JSON object whose keys keep their order.
type objectWriter struct{ buf bytes.Buffer }

func (w *objectWriter) key(name string, value any) {
	if w.buf.Len() == 0 {
		w.buf.WriteByte('{')
	} else {
		w.buf.WriteByte(',')
	}
	w.value(name)
	w.buf.WriteByte(':')
	w.value(value)
}

// field writes the values of a field that an entry has.
func (w *objectWriter) field(f store.Field, e *store.Entry) {
	switch {
	case !e.Values.Has(f.ID):
	case f.Many:
		w.key(f.Name, e.Values.All(f.ID))
	case f.Matching == store.MatchBytes:
		w.key(f.Name, base64.StdEncoding.EncodeToString([]byte(e.Values.First(f.ID))))
	default:
		w.key(f.Name, e.Values.First(f.ID))
	}
}

// value writes texts, lists of texts and authDocument: none of them can fail.
func (w *objectWriter) value(v any) {
	enc := json.NewEncoder(&w.buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
	w.buf.Truncate(w.buf.Len() - 1) // Encode ends with a line break
}

func (w *objectWriter) bytes() Document { return append(w.buf.Bytes(), '}') }
