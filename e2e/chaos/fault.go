package chaos

import (
	"math/rand/v2"
	"slices"
	"sync"
)

// A Fault is one thing that goes wrong. Its text is what a table calls it.
type Fault string

// What goes wrong with a connection.
const (
	DelayConnect     Fault = "a connection takes its time"
	HangConnect      Fault = "a connection is accepted and nothing more"
	HangAt           Fault = "a connection falls silent at some byte"
	CutAt            Fault = "a connection ends at some byte"
	ResetAt          Fault = "a connection is reset at some byte"
	HalfCloseAt      Fault = "one half of a connection ends at some byte"
	FlipAt           Fault = "a bit flips under TLS"
	SlowLine         Fault = "a few bytes per second"
	HangAfterUpgrade Fault = "silence after the answer to StartTLS"
	StripTLS         Fault = "StartTLS is refused by somebody in between"
)

// What goes wrong with a request or its answer.
const (
	DelayAnswer   Fault = "an answer takes its time"
	LateAnswer    Fault = "an answer comes after bind_timeout"
	HangRequest   Fault = "a request vanishes"
	HangAnswer    Fault = "an answer vanishes"
	HangMid       Fault = "an answer stops half-way"
	CutRequest    Fault = "a request is cut off"
	CutAnswer     Fault = "a connection ends before or in an answer"
	ResetAnswer   Fault = "a connection is reset before or in an answer"
	Junk          Fault = "an answer goes on as junk"
	WrongID       Fault = "an answer has another message's ID"
	Replay        Fault = "an earlier answer comes once more"
	Twice         Fault = "an answer comes twice"
	Swap          Fault = "two connections get each other's answers"
	NoticeBefore  Fault = "a notice of disconnection before an answer"
	NoticeInstead Fault = "a notice of disconnection instead of an answer"
	UnknownNotice Fault = "an unknown notification before an answer"
	OtherKind     Fault = "success, but as the answer to another operation"
	HalfClose     Fault = "one half of a connection ends with a request"
	Flip          Fault = "a bit flips in an answer's frame"
	SlowAnswer    Fault = "an answer comes byte by byte"
	OtherResult   Fault = "busy, unavailable, unwilling and the like"
	Referral      Fault = "a referral instead of an answer"
)

// What goes wrong with a search.
const (
	Truncated  Fault = "a limit cuts a search short"
	LostCookie Fault = "a page does not say whether more come"
	JunkCookie Fault = "a page names a next one that there is not"
)

var (
	// ConnectionFaults are those that a Proxy has for connections, whatever is in them.
	ConnectionFaults = []Fault{DelayConnect, HangConnect, HangAt, CutAt, ResetAt, HalfCloseAt, SlowLine}
	// TLSFaults are those of connections through which TLS goes.
	TLSFaults = append(slices.Clone(ConnectionFaults), FlipAt)
	// UpgradeFaults are those of connections that begin in clear.
	UpgradeFaults = append(slices.Clone(TLSFaults), HangAfterUpgrade, StripTLS)
	// MessageFaults are those of requests and answers.
	MessageFaults = []Fault{DelayAnswer, LateAnswer, HangRequest, HangAnswer, HangMid, CutRequest, CutAnswer, ResetAnswer, Junk, WrongID, Replay,
		Twice, Swap, NoticeBefore, NoticeInstead, UnknownNotice, OtherKind, HalfClose, Flip, SlowAnswer, OtherResult, Referral}
	// SearchFaults are those of searches alone.
	SearchFaults        = []Fault{Truncated, LostCookie, JunkCookie}
	searchRequestFaults = slices.Concat(MessageFaults, SearchFaults)
)

// A Mix says how often something goes wrong, and what. The zero Mix is calm.
type Mix struct {
	Chance float64 // of each connection and of each request
	Faults []Fault
}

// dice draws; the same seed draws the same in the same order of questions.
type dice struct {
	mu  sync.Mutex
	rng *rand.Rand
}

func newDice(seed uint64) *dice { return &dice{rng: rand.New(rand.NewPCG(seed, 0))} }

// fault draws one of those of the mix that are possible here, "" for none.
func (d *dice) fault(m Mix, possible []Fault) Fault {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.rng.Float64() >= m.Chance {
		return ""
	}
	var able []Fault
	for _, f := range m.Faults {
		if slices.Contains(possible, f) {
			able = append(able, f)
		}
	}
	if len(able) == 0 {
		return ""
	}
	return able[d.rng.IntN(len(able))]
}

// n draws from [0, limit).
func (d *dice) n(limit int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rng.IntN(max(limit, 1))
}
