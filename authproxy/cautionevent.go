package authproxy

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"time"
)

// What nodes tell each other of logins has one form of one length, so that neither its kind nor what it is about shows in it:
// version, kind, flags, a reserved zero, how long it lasts in milliseconds (4), account (16), password (16), address (16).
const (
	eventVersion = 1
	eventSize    = 56
)

type eventKind uint8

const (
	eventRefused   eventKind = iota + 1 // a failed login: account, password, address, how long it is remembered
	eventCleared                        // a password worked: what failed from this address no longer counts
	eventLocked                         // the upstream has locked the account
	eventEnded                          // the upstream lets nobody into the account
	eventGuessed                        // something else than what worked last was tried while the account is throttled, at an address known to it
	eventForgotten                      // an administrator has reset the account, or the address
	eventAsking                         // a node is about to ask: password is its lot, lasts how long it may take (turn.go)
	eventAnswered                       // it has asked, or stepped back
	eventKinds
)

// An event is one thing that a node tells. Which fields it has depends on its kind.
type event struct {
	kind       eventKind
	exists     bool // there is such a user
	again      bool // the same guess as before: it counts no more for the address
	device     bool
	hasAccount bool
	account    accountID
	password   passwordHash
	from       netip.Addr // when told; as heard it is address
	hasAddress bool
	address    addressID
	lasts      time.Duration
}

const (
	flagExists = 1 << iota
	flagAgain
	flagDevice
	flagAccount
	flagAddress
	allFlags = 1<<iota - 1
)

var errEvent = errors.New("this is no event of logins that this version knows")

// appendTo appends the form of an event, its address sealed by the ledger.
func (e *event) appendTo(b []byte, l *ledger) []byte {
	if e.from.IsValid() {
		e.hasAddress, e.address = true, l.seal(e.from)
	}
	return e.append(b)
}

func (e *event) append(b []byte) []byte {
	f := flagIf(e.exists, flagExists) | flagIf(e.again, flagAgain) | flagIf(e.device, flagDevice) | flagIf(e.hasAccount, flagAccount) | flagIf(e.hasAddress, flagAddress)
	b = append(b, eventVersion, byte(e.kind), f, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(min(max(0, e.lasts), maxLasts).Milliseconds()))
	b = append(b, e.account[:]...)
	b = append(b, e.password[:]...)
	return append(b, e.address[:]...)
}

func flagIf(set bool, flag byte) byte {
	if set {
		return flag
	}
	return 0
}

// maxLasts bounds what others may have this node remember.
const maxLasts = 24 * time.Hour

// parse reads what append wrote, and nothing else.
func (e *event) parse(b []byte) error {
	if len(b) != eventSize || b[0] != eventVersion || b[1] == 0 || eventKind(b[1]) >= eventKinds || b[2]&^allFlags != 0 || b[3] != 0 {
		return errEvent
	}
	*e = event{
		kind: eventKind(b[1]), exists: b[2]&flagExists != 0, again: b[2]&flagAgain != 0, device: b[2]&flagDevice != 0,
		hasAccount: b[2]&flagAccount != 0, hasAddress: b[2]&flagAddress != 0,
		lasts:   time.Duration(binary.BigEndian.Uint32(b[4:])) * time.Millisecond,
		account: accountID(b[8:24]), password: passwordHash(b[24:40]), address: addressID(b[40:56]),
	}
	if e.lasts > maxLasts {
		return errEvent
	}
	return nil
}
