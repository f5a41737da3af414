package ldapwire_test

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// tlv is one element with a length of four octets.
func tlv(tag byte, parts ...[]byte) []byte {
	content := bytes.Join(parts, nil)
	n := len(content)
	return append([]byte{tag, 0x84, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, content...)
}

// emptySearch is a SearchRequest up to its filter.
var emptySearch = []byte("\x04\x00\x0a\x01\x02\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00")

// hostileMessages are messages of 64 KiB that ask for as much memory for their
// size as can be, whether they are accepted or not.
func hostileMessages() []sample {
	const size = 64 << 10
	repeat := func(element string, n int) []byte { return bytes.Repeat([]byte(element), n) }
	fill := func(element string) []byte { return repeat(element, (size-200)/len(element)) }
	message := func(op ldapwire.Op, parts ...[]byte) []byte {
		return tlv(0x30, []byte{2, 1, 1}, tlv(byte(op), parts...))
	}
	dn := []byte("\x04\x00")
	search := func(filter, attributes []byte) []byte {
		return message(ldapwire.OpSearchRequest, emptySearch, filter, tlv(0x30, attributes))
	}
	deep := []byte("\xa0\x00")
	for range 4000 {
		deep = tlv(0xa0, deep)
	}
	// Every level announces as many children as it may and has its first child
	// announce as many again.
	staircase := []byte("\xa0\x00")
	for range 60 {
		staircase = tlv(0xa0, staircase, repeat("\xa0\x00", 500))
	}
	list := []sample{
		{name: "empty filters", bytes: search(tlv(0xa0, fill("\xa0\x00")), nil)},
		{name: "as many empty filters as allowed", bytes: search(tlv(0xa0, repeat("\xa0\x00", 1024)), repeat("\x04\x00", 1024))},
		{name: "filters in filters", bytes: search(deep, nil)},
		{name: "a staircase of filters", bytes: search(staircase, nil)},
		{name: "substrings", bytes: search(tlv(0xa4, dn, tlv(0x30, fill("\x81\x00"))), nil)},
		{name: "requested attributes", bytes: search([]byte("\x87\x00"), fill("\x04\x00"))},
		{name: "values", bytes: message(ldapwire.OpAddRequest, dn, tlv(0x30, tlv(0x30, dn, tlv(0x31, fill("\x04\x00")))))},
		{name: "attributes", bytes: message(ldapwire.OpAddRequest, dn, tlv(0x30, fill("\x30\x04\x04\x00\x31\x00")))},
		{name: "attributes of one value", bytes: message(ldapwire.OpAddRequest, dn, tlv(0x30, fill("\x30\x06\x04\x00\x31\x02\x04\x00")))},
		{name: "changes", bytes: message(ldapwire.OpModifyRequest, dn, tlv(0x30, fill("\x30\x09\x0a\x01\x00\x30\x04\x04\x00\x31\x00")))},
		{name: "references", bytes: message(ldapwire.OpSearchResultReference, fill("\x04\x00"))},
		{name: "controls", bytes: tlv(0x30, []byte{2, 1, 1, 0x42, 0}, tlv(0xa0, fill("\x30\x02\x04\x00")))},
		{name: "trailing elements", bytes: message(ldapwire.OpBindRequest, []byte("\x02\x01\x03\x04\x00\x80\x00"), fill("\xa0\x00"))},
	}
	// Runs of values that just do not fit what is left of a chunk.
	var uneven [][]byte
	for n := 1; n < 300; n += 3 {
		uneven = append(uneven, tlv(0x30, dn, tlv(0x31, repeat("\x04\x00", n))))
	}
	return append(list, sample{name: "uneven runs of values", bytes: message(ldapwire.OpAddRequest, dn, tlv(0x30, uneven...))})
}

func TestHostileMessagesAllocateLittle(t *testing.T) {
	for _, h := range hostileMessages() {
		t.Run(h.name, func(t *testing.T) {
			var m ldapwire.Message
			var err error
			got := allocated(func() { err = m.Decode(h.bytes, nil) })
			t.Logf("%d bytes allocated for %d (%.1f times); error: %v", got, len(h.bytes), float64(got)/float64(len(h.bytes)), err)
			if bound := 16 * len(h.bytes); got > bound && len(h.bytes) > 32<<10 {
				t.Errorf("%d bytes allocated for a message of %d, want at most %d", got, len(h.bytes), bound)
			}
			if bound := allocationBound(len(h.bytes)); got > bound {
				t.Errorf("%d bytes allocated for a message of %d, want at most %d", got, len(h.bytes), bound)
			}
		})
	}
}

func liveHeap() int {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int(s.HeapAlloc)
}

// A connection's message is reused: what one message made it hold must not
// stay, and least of all pile up from message to message.
func TestReuseKeepsLittle(t *testing.T) {
	hostile := hostileMessages()
	const messages = 50
	kept := make([]ldapwire.Message, messages)
	before := liveHeap()
	for i := range kept {
		for _, h := range hostile {
			_ = kept[i].Decode(h.bytes, nil)
		}
		kept[i].Reset()
	}
	each := (liveHeap() - before) / messages
	t.Logf("%d bytes kept by a message", each)
	if each > 64<<10 {
		t.Errorf("each message keeps %d bytes, want at most 64 KiB", each)
	}
	runtime.KeepAlive(kept)
	runtime.KeepAlive(hostile)
}
