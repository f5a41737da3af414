package authproxy

import (
	"crypto/aes"
	"crypto/sha256"
	"net/netip"
	"time"
)

// Nodes that share their content share their caution: what one learns of a wrong
// password counts at all of them, so that a phone with an old password that roams
// over ten nodes costs one attempt upstream, and a guesser has one budget.
//
// What is told is what the ledger would note by itself: it is applied there like a
// login of this node. What is known to be right stays here: passwords that worked,
// and the addresses from which they did. Nobody waits for the others: a node that
// hears nothing goes on with what it knows. (docs/adr/0019-shared-caution.md)

// A Caution takes to the other nodes what this one has learnt of failed logins, for their Front.Hear. Tell is called on the goroutines that
// serve, many at once, and must neither wait nor keep the event. urgent is what is about somebody who exists: it goes first where not all can go.
type Caution interface {
	Tell(event []byte, urgent bool)
	// Nodes is how many nodes there are, with this one.
	Nodes() int
}

// An accountID stands for an account's key among the nodes.
type accountID [16]byte

// An elsewhere is what an account has beside, where there are other nodes.
type elsewhere struct {
	id       accountID
	named    bool   // key is known: the account was seen here
	key      string // in the ledger's accounts
	device   bool
	soughtAt uint64    // the store's number when no name was found for it
	ended    time.Time // when the others were told last that it lets nobody in
	turn     *turn
}

// share has the ledger keep what others can be told of, and tell it. It is called before anything else.
func (l *ledger) share(with Caution, key [32]byte) {
	l.key, l.others = key, with
	l.byID = make(map[accountID]*account)
	sum := sha256.Sum256(append([]byte("dialtree caution addresses\x00"), key[:]...))
	l.addressCipher, _ = aes.NewCipher(sum[:]) // its only error is about the length of the key
}

// id returns what stands for an account among the nodes. Only who has their key can tell whose it is.
func (l *ledger) id(key string) accountID {
	var stack [256]byte
	b := append(stack[:0], "dialtree caution account\x00"...)
	b = append(b, l.key[:]...)
	b = append(b, key...)
	sum := sha256.Sum256(b)
	return accountID(sum[:16])
}

// An addressID is an address under a cipher that every node has the key of: a hash would have to be computed for each login, to see
// whether it is of an address that others have told of, and would hide no more, since there are few addresses to try.
type addressID [16]byte

func (l *ledger) seal(a netip.Addr) (id addressID) {
	plain := a.As16()
	l.addressCipher.Encrypt(id[:], plain[:])
	return id
}

func (l *ledger) open(id addressID) netip.Addr {
	var plain [16]byte
	l.addressCipher.Decrypt(plain[:], id[:])
	return netip.AddrFrom16(plain).Unmap()
}

// known returns what is remembered of a name, if anything is: also what only others have told of. The caller holds mu.
func (l *ledger) known(key string) *account {
	a := l.accounts[key]
	if a != nil || l.byID == nil {
		return a
	}
	if a = l.byID[l.id(key)]; a != nil {
		l.name(a, key)
	}
	return a
}

// name notes whose account it is. The caller holds mu.
func (l *ledger) name(a *account, key string) {
	l.accounts[key] = a
	a.elsewhere.named, a.elsewhere.key, a.elsewhere.device = true, key, isDeviceKey(key)
}

// remembered is how many names are remembered. The caller holds mu.
func (l *ledger) remembered() int { return max(len(l.accounts), len(l.byID)) }

// tell tells the others.
func (l *ledger) tell(kind eventKind, key string, e event) {
	if l.others == nil {
		return
	}
	e.kind, e.device = kind, isDeviceKey(key)
	if key != "" {
		e.hasAccount, e.account = true, l.id(key)
	}
	var b [eventSize]byte
	l.others.Tell(e.appendTo(b[:0], l), e.exists)
}

// Hear takes in what another node's front has told: so long ago, as far as that is known. It is an error where that is no event, or one of a later version: nothing is noted then.
func (f *Front) Hear(told []byte, age time.Duration) error {
	var e event
	if err := e.parse(told); err != nil || f.ledger.byID == nil {
		return err
	}
	f.ledger.hear(&e, f.now(), max(0, age))
	return nil
}

// countRefused notes that a password was refused, here and at the others.
func (f *Front) countRefused(a *attempt, exists bool, remember time.Duration, now time.Time) {
	again := f.ledger.failed(a.key, a.hash, exists, a.from, now)
	lasts := f.ledger.refused(a.key, a.hash, exists, remember, now)
	f.ledger.tell(eventRefused, a.key, event{exists: exists, again: again, from: a.from, password: a.hash, lasts: lasts})
}

// nameHeard looks up whose accounts it is that only others have told of and that are to be shown. It reads the names in the store where
// there are such, and not again for the same ones until the store has changed.
func (f *Front) nameHeard(now time.Time) {
	seq := f.store.Seq()
	sought := f.ledger.unnamed(now, seq)
	if len(sought) == 0 {
		return
	}
	found := make(map[accountID]string, len(sought))
	look := func(key string) {
		if id := f.ledger.id(key); sought[id] {
			found[id] = key
		}
	}
	for key := range f.accountKeys {
		look(key)
	}
	f.ledger.nameAll(found)
}
