package ldapwire

import (
	"errors"
	"strconv"
)

// ErrMalformed is what every *DecodeError is.
var ErrMalformed = errors.New("malformed LDAP message")

// A DecodeError says what is wrong with a message and where.
type DecodeError struct {
	Offset int    // of the element, in bytes from the head of the message
	What   string // the element, and what is wrong with it
}

func (e *DecodeError) Error() string {
	return "malformed LDAP message: byte " + strconv.Itoa(e.Offset) + ": " + e.What
}

// Is makes every DecodeError an ErrMalformed.
func (e *DecodeError) Is(target error) bool { return target == ErrMalformed }

// A TooLargeError is a message that announces more bytes than are allowed.
type TooLargeError struct {
	Size uint64 // as announced, header included; the largest uint64 stands for more
	Max  int
}

func (e *TooLargeError) Error() string {
	return "LDAP message of " + strconv.FormatUint(e.Size, 10) + " bytes is larger than the limit of " + strconv.Itoa(e.Max)
}

// A SyntaxError says what is wrong with the text of a filter or a DN and where.
type SyntaxError struct {
	Of     string // "filter" or "DN"
	Offset int    // in bytes
	What   string
}

func (e *SyntaxError) Error() string {
	return e.Of + ": byte " + strconv.Itoa(e.Offset) + ": " + e.What
}
