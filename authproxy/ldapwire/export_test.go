package ldapwire

import "unsafe"

// Exported is the message without its arenas, to be compared.
func (m *Message) Exported() Message {
	c := *m
	c.arenas = arenas{}
	return c
}

// FilterSize is what one filter node takes in memory.
const FilterSize = int(unsafe.Sizeof(Filter{}))
