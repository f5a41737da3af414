package ldap

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// A form makes of an attribute's octets the value of a record; false where they do
// not have that form.
type form func([]byte) (string, bool)

// forms are those of the attributes that are not text, by their names in lower case.
func forms(attribute string) form {
	switch strings.ToLower(attribute) {
	case "objectguid", "msexchmailboxguid", "ms-ds-consistencyguid":
		return guid
	case "objectsid":
		return sid
	case "thumbnailphoto", "jpegphoto", "photo", "thumbnaillogo", "usercertificate", "audio":
		return octets
	}
	return nil
}

func octets(b []byte) (string, bool) { return string(b), true }

// guid is a GUID as Windows writes it: the first three numbers are little-endian in
// the octets.
func guid(b []byte) (string, bool) {
	if len(b) != 16 {
		return "", false
	}
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint16(b[4:]),
		binary.LittleEndian.Uint16(b[6:]), b[8:10], b[10:]), true
}

// sid is a security identifier, as in S-1-5-21-1004336348-1177238915-682003330-512.
func sid(b []byte) (string, bool) {
	if len(b) < 8 || len(b) != 8+4*int(b[1]) {
		return "", false
	}
	var authority uint64
	for _, c := range b[2:8] {
		authority = authority<<8 | uint64(c)
	}
	var s strings.Builder
	fmt.Fprintf(&s, "S-%d-%d", b[0], authority)
	for b = b[8:]; len(b) > 0; b = b[4:] {
		fmt.Fprintf(&s, "-%d", binary.LittleEndian.Uint32(b))
	}
	return s.String(), true
}
