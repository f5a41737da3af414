package cluster

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/dialtree/dialtree/store"
)

// A link is one of the chain of changes, as hexadecimal text in JSON.
type link [32]byte

// MarshalText writes 64 hexadecimal digits.
func (l link) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, l[:]), nil }

// UnmarshalText reads what MarshalText writes.
func (l *link) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(l)) {
		return errors.New("a link of the chain is 64 hexadecimal digits")
	}
	_, err := hex.Decode(l[:], text)
	return err
}

// A head says which change is the last.
type head struct {
	Index  uint64 `json:"index"`
	Chain  link   `json:"chain"`
	Schema int    `json:"schema"`
}

func (h head) is(p store.Position) bool { return h.Index == p.Index && h.Chain == p.Chain }

const (
	// kindReplace is a change without content of its own: the content is that of the snapshot with its index.
	kindReplace = "replace"
	// maxParts bounds a change and a snapshot: 768 MiB compressed is fifty times what 200,000 contacts take.
	maxParts = 1024
	// maxPlain bounds what they are when they are decompressed.
	maxPlain = 64 << 30
	// maxHeader bounds the JSON of a record.
	maxHeader = 4096
)

// A record is a change or a snapshot, as etcd has it in clear.
type record struct {
	Index  uint64    `json:"index"`
	Chain  link      `json:"chain"`
	Schema int       `json:"schema"`
	Node   string    `json:"node"`
	Kind   string    `json:"kind,omitempty"`
	Made   time.Time `json:"made,omitzero"` // of a snapshot
	Bytes  int64     `json:"bytes"`         // sealed
	Plain  int64     `json:"plain"`         // as the store wrote it
	Draft  string    `json:"draft"`
	Parts  int       `json:"parts"`
	MAC    *link     `json:"mac,omitempty"` // of a snapshot; a change has its chain

	inline []byte // the only piece of a change without parts
}

func (r *record) position() store.Position { return store.Position{Index: r.Index, Chain: r.Chain} }

func (r *record) value() []byte {
	text, err := json.Marshal(r)
	if err != nil {
		panic(err) // a struct of plain fields
	}
	return append(append(text, '\n'), r.inline...)
}

// parseRecord reads what value writes.
func parseRecord(value []byte) (*record, error) {
	text, inline, _ := bytes.Cut(value, []byte("\n"))
	var r record
	switch {
	case len(text) > maxHeader:
		return nil, errors.New("its header is too long")
	case json.Unmarshal(text, &r) != nil:
		return nil, errors.New("its header is no JSON of a change")
	case r.Parts < 0 || r.Parts > maxParts || r.Plain < 0 || r.Plain > maxPlain:
		return nil, errors.New("its header has numbers that cannot be")
	case !isDraft(r.Draft):
		return nil, errors.New("its header names no draft")
	}
	r.inline = inline
	return &r, nil
}

func isDraft(text string) bool {
	raw, err := hex.DecodeString(text)
	return err == nil && len(raw) == draftBytes && hex.EncodeToString(raw) == text
}

// bound is what of a header the chain holds fast; each text is preceded by its length.
func (r *record) bound() []byte {
	var b []byte
	for _, text := range [...]string{r.Kind, r.Node, r.Draft} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(text)))
		b = append(b, text...)
	}
	for _, n := range [...]uint64{r.Index, uint64(r.Schema), uint64(r.Plain), uint64(r.Parts)} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return b
}

// A chainer makes and checks the chain of changes. Who has no key can neither add a change nor move one.
type chainer struct {
	key     [32]byte
	cluster string
}

func (c chainer) mac(what string, prev link, r *record, sum []byte) link {
	m := hmac.New(sha256.New, c.key[:])
	fmt.Fprintf(m, "%s\x00%s\x00", what, c.cluster)
	m.Write(prev[:])
	m.Write(r.bound())
	m.Write(sum)
	return link(m.Sum(nil))
}

// start is the chain before the first change.
func (c chainer) start() link {
	m := hmac.New(sha256.New, c.key[:])
	fmt.Fprintf(m, "start\x00%s\x00", c.cluster)
	return link(m.Sum(nil))
}

// next is the chain with a change whose content has a sum.
func (c chainer) next(prev link, r *record, sum []byte) link { return c.mac("change", prev, r, sum) }

// snapshot binds a snapshot's content to its position.
func (c chainer) snapshot(r *record, sum []byte) link { return c.mac("snapshot", r.Chain, r, sum) }

// sumOfNothing is that of a change without content.
func sumOfNothing() []byte { return sha256.New().Sum(nil) }
