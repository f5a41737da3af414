package store

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"

	"go.etcd.io/bbolt"
)

// The buckets of the file.
var (
	bucketMeta    = []byte("meta")    // the keys below
	bucketEntries = []byte("entries") // id → record
	bucketNames   = []byte("names")   // normalised user name → id
	bucketCodes   = []byte("codes")   // normalised short code → id
	bucketKeys    = []byte("keys")    // owner, NUL, key → id
	bucketBooks   = []byte("books")   // phonebook, NUL, id → nothing
	bucketObjects = []byte("objects") // kind, "/", name → JSON, literal secrets masked
	bucketSealed  = []byte("sealed")  // kind, "/", name, "/", path → sealed literal
	bucketRuns    = []byte("runs")    // connector, NUL, number → JSON
	bucketImages  = []byte("images")  // connector, NUL, number, chunk → what the run replaced
	bucketLog     = []byte("log")     // seq → what changed

	bucketSessions = []byte("sessions") // ID → JSON
	bucketAudit    = []byte("audit")    // number → JSON
	bucketRefusals = []byte("refusals") // number → JSON
	bucketHere     = []byte("here")     // of a node that shares its content: what was noted while the others were out of reach
	bucketPlans    = []byte("plans")    // connector → JSON
)

// A bucketInfo says what a bucket is to the nodes that share their content.
type bucketInfo struct {
	name   []byte
	number byte   // in what nodes tell each other, for ever; 0: the bucket is this node's own
	since  uint64 // the schema version that brought it
}

// numberMeta stands for the keys of bucketMeta that are shared; the others are this node's own.
const numberMeta = 1

// layout returns all buckets, the shared ones by their numbers.
func layout() []bucketInfo {
	return append([]bucketInfo{
		{bucketMeta, numberMeta, 1}, {bucketEntries, 2, 1}, {bucketNames, 3, 1}, {bucketCodes, 4, 1}, {bucketKeys, 5, 1}, {bucketBooks, 6, 1},
		{bucketObjects, 7, 1}, {bucketSealed, 8, 1}, {bucketRuns, 9, 1}, {bucketImages, 10, 1}, {bucketLog, 11, 1},
		{bucketSessions, 12, 3}, {bucketAudit, 13, 3}, {bucketPlans, 14, 5},
		{bucketRefusals, 0, 4}, {bucketHere, 0, 5},
	}, nextBuckets()...)
}

// bucketsOf returns the buckets that a file of a schema version has.
func bucketsOf(schema uint64) (names [][]byte) {
	for _, b := range layout() {
		if b.since <= schema {
			names = append(names, b.name)
		}
	}
	return names
}

func allBuckets() [][]byte { return bucketsOf(schemaVersion) }

// The keys of bucketMeta.
var (
	metaSchema   = []byte("schema")    // uint64
	metaStoreID  = []byte("store-id")  // 16 random bytes
	metaSeq      = []byte("seq")       // uint64: the last change
	metaCounts   = []byte("counts")    // JSON of Counts
	metaLogRefs  = []byte("log-refs")  // uint64: the references in bucketLog
	metaKeyCheck = []byte("key-check") // a text sealed with the key file's key

	metaCluster = []byte("cluster") // whose content it is, a UUID; none: the store is alone
	metaNode    = []byte("node")    // the UUID of this copy
	metaIndex   = []byte("index")   // uint64: of the last shared change
	metaChain   = []byte("chain")   // 32 bytes: of all shared changes
)

// sharedMeta tells whether a key of bucketMeta is the same on all nodes, apart from the store's ID, which never changes.
func sharedMeta(key []byte) bool {
	switch string(key) {
	case "schema", "seq", "counts", "log-refs":
		return true
	}
	return false
}

// Counts are the numbers of entries. They are kept with every change, not counted.
type Counts struct {
	Users      int            `json:"users"`
	Contacts   int            `json:"contacts"`
	SpeedDials int            `json:"speeddials"`
	Phonebooks map[string]int `json:"phonebooks"` // contacts by phonebook
	Connectors map[string]int `json:"connectors"` // entries by owner
	Upstreams  map[string]int `json:"upstreams"`  // users by the upstream that checks their password
}

// Of returns the number of entries of a kind.
func (c Counts) Of(k Kind) int {
	switch k {
	case KindUser:
		return c.Users
	case KindContact:
		return c.Contacts
	case KindSpeedDial:
		return c.SpeedDials
	}
	return 0
}

// add counts an entry n times, -1 to take it away.
func (c *Counts) add(e *Entry, n int) {
	switch e.Kind {
	case KindUser:
		c.Users += n
	case KindContact:
		c.Contacts += n
	case KindSpeedDial:
		c.SpeedDials += n
	}
	bump(&c.Phonebooks, e.Phonebook, n)
	bump(&c.Connectors, e.Owner, n)
	bump(&c.Upstreams, e.Auth.Upstream, n)
}

func bump(m *map[string]int, name string, n int) {
	if name == "" {
		return
	}
	if *m == nil {
		*m = make(map[string]int)
	}
	if (*m)[name] += n; (*m)[name] == 0 {
		delete(*m, name)
	}
}

func (c Counts) clone() Counts {
	c.Phonebooks, c.Connectors, c.Upstreams = maps.Clone(c.Phonebooks), maps.Clone(c.Connectors), maps.Clone(c.Upstreams)
	return c
}

func (c Counts) equal(d Counts) bool {
	return c.Users == d.Users && c.Contacts == d.Contacts && c.SpeedDials == d.SpeedDials &&
		maps.Equal(c.Phonebooks, d.Phonebooks) && maps.Equal(c.Connectors, d.Connectors) && maps.Equal(c.Upstreams, d.Upstreams)
}

func readCounts(tx *bbolt.Tx) (Counts, error) {
	var c Counts
	if err := json.Unmarshal(tx.Bucket(bucketMeta).Get(metaCounts), &c); err != nil {
		return Counts{}, fmt.Errorf("read counts: %w", err)
	}
	return c, nil
}

func putJSON(b *bbolt.Bucket, key []byte, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return b.Put(key, data)
}

func metaNumber(tx *bbolt.Tx, key []byte) uint64 {
	v := tx.Bucket(bucketMeta).Get(key)
	if len(v) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(v)
}

func putMetaNumber(tx *bbolt.Tx, key []byte, n uint64) error {
	return tx.Bucket(bucketMeta).Put(key, number(n))
}

// number is how numbers are written in keys: in their order.
func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func objectKey(r ObjectRef) []byte { return []byte(string(r.Kind) + "/" + r.Name) }

func sealedKey(r ObjectRef, path string) []byte {
	return []byte(string(r.Kind) + "/" + r.Name + "/" + path)
}

func ownerKey(owner, key string) []byte { return joinNUL(owner, key) }

func bookKey(phonebook string, x id) []byte { return append(joinNUL(phonebook, ""), x[:]...) }

// joinNUL joins a name, which holds no NUL, with anything.
func joinNUL(name, rest string) []byte {
	b := make([]byte, 0, len(name)+1+len(rest)+len(id{}))
	b = append(b, name...)
	b = append(b, 0)
	return append(b, rest...)
}
