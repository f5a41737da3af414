package hostile

// End is what a client does once it has sent everything.
type End byte

// The ends.
const (
	Wait   End = iota // reads what is answered, for a short while
	Finish            // closes its side, and reads what is answered
	Reset             // resets the connection at once
)

// Want is what a case must come to.
type Want byte

// The wants. Any is for what RFC 4511 leaves open, or where the answer depends on the server: whatever
// comes has to be well-formed and harmless.
const (
	Any    Want = iota
	Answer      // a result or a notice
	Notice      // the Notice of Disconnection, and the end
	Result      // a result for the message ID, one of the codes
	TheEnd      // the end, with nothing before it
)

// A Case is what a client sends on one connection.
type Case struct {
	Class, Name string
	Parts       [][]byte // each in a segment of its own, as far as TCP has any
	End         End
	Bound       bool // the cheap account has logged in before

	Want  Want
	ID    int64 // of the result that is wanted; 0: of any
	Codes []int // of the result; empty: any
}

func (c *Case) String() string { return c.Class + ": " + c.Name }

// one is a case of one segment.
func one(class, name string, b []byte, want Want) Case {
	return Case{Class: class, Name: name, Parts: [][]byte{b}, Want: want}
}

// like is a case that is answered as the good message is.
func (r *request) like(class, name string, parts ...[]byte) Case {
	c := Case{Class: class, Name: r.name + " " + name, Parts: parts}
	switch {
	case r.codes != nil:
		c.Want, c.ID, c.Codes = Result, id, r.codes
	case r.bytes[len(r.bytes)-2] == tagUnbind:
		c.Want = TheEnd
	}
	return c
}

// The classes, which are the rows of a table.
const (
	Lengths   = "lengths that lie"
	Cut       = "messages cut off"
	Flips     = "flipped bits"
	Tags      = "wrong tags and types"
	Deep      = "deep nesting"
	Texts     = "hostile strings"
	IDs       = "message IDs"
	Filters   = "malformed filters"
	Controls  = "controls"
	Split     = "legal requests in pieces"
	Protocols = "other protocols"
	Binds     = "binds that are none"
	Stops     = "abandon, cancel, unbind"
	Random    = "random changes"
)

// Cases are all cases that are not random, in a fixed order.
func Cases(s *Subject) []Case {
	var all []Case
	for _, make := range []func(*Subject) []Case{
		lengths, truncations, flips, tags, nesting, texts, ids, filters, controls, pieces, protocols, binds, stops,
	} {
		all = append(all, make(s)...)
	}
	return all
}

// Classes are the classes of cases in the order of their first.
func Classes(cases []Case) []string {
	var list []string
	seen := map[string]bool{}
	for i := range cases {
		if c := cases[i].Class; !seen[c] {
			seen[c] = true
			list = append(list, c)
		}
	}
	return list
}
