package authproxy

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/dialtree/dialtree/authproxy/directory"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

// A Lookup is what phones that are bound as somebody would see when a text is typed,
// or is the number of a caller.
type Lookup struct {
	Steps []LookupStep
}

// A LookupStep is one search as phones send it, with what it found that those
// before it had not.
type LookupStep struct {
	Title  string
	Filter string
	Found  []Found
	More   bool // the size limit of phones was met
}

// Found is one entry.
type Found struct {
	DN     string
	Values map[string][]string // by attribute, as they are sent
}

// mostLookedUp is how many entries a phone shows; theirs is nearly always 50.
const mostLookedUp = 50

// LookUp searches for a number or a name as phones do, as a reader sees it:
// everyone, user:NAME or device:NAME.
func (f *Front) LookUp(ctx context.Context, text string, as store.Reader) (*Lookup, error) {
	who, err := f.readerNamed(as)
	if err != nil {
		return nil, err
	}
	l := &Lookup{}
	seen := make(map[string]bool)
	for _, step := range lookupSteps(text) {
		if err := f.lookUp(ctx, &step, who, seen); err != nil {
			return nil, err
		}
		l.Steps = append(l.Steps, step)
	}
	return l, nil
}

// readerNamed is who binds by a name; nil is everyone.
func (f *Front) readerNamed(as store.Reader) (*directory.Reader, error) {
	switch as.Kind {
	case store.ReaderEveryone:
		return nil, nil
	case store.ReaderDevice:
		d, err := f.store.Device(as.Name)
		if err != nil {
			return nil, err
		}
		return &directory.Reader{Device: d.Name, DN: f.tree.DeviceDN(d.Name)}, nil
	case store.ReaderUser:
		e, err := f.store.User(as.Name)
		if err != nil {
			return nil, err
		}
		name := e.Values.First(store.Username)
		return &directory.Reader{User: name, UserID: e.ID, DN: f.tree.UserDN(name)}, nil
	}
	return nil, fmt.Errorf("%q: phones bind as device:NAME or user:NAME, or not at all: everyone", as.Kind)
}

// lookupSteps are the searches for a text: for a number that of an incoming call,
// and that of a number while it is typed; for anything else names that begin so,
// and names that have it somewhere.
func lookupSteps(text string) []LookupStep {
	numbers := []string{"telephoneNumber", "mobile", "homePhone", "facsimileTelephoneNumber"}
	names := []string{"cn", "sn", "o"}
	part := ldapwire.EscapeFilterValue(text)
	if strings.ContainsFunc(text, unicode.IsDigit) && !strings.ContainsFunc(text, unicode.IsLetter) {
		return []LookupStep{
			{Title: "whose number it is", Filter: anyOf(numbers, part)},
			{Title: "numbers that begin so", Filter: anyOf(numbers, part+"*")},
			{Title: "numbers that have it in them", Filter: anyOf(numbers, "*"+part+"*")},
		}
	}
	return []LookupStep{
		{Title: "names that begin so", Filter: anyOf(names, part+"*")},
		{Title: "names that have it in them", Filter: anyOf(names, "*"+part+"*")},
	}
}

func anyOf(attributes []string, assertion string) string {
	var b strings.Builder
	b.WriteString("(|")
	for _, a := range attributes {
		b.WriteString("(" + a + "=" + assertion + ")")
	}
	return b.String() + ")"
}

func (f *Front) lookUp(ctx context.Context, step *LookupStep, who *directory.Reader, seen map[string]bool) error {
	filter, err := ldapwire.ParseFilter(step.Filter)
	if err != nil {
		return err
	}
	limits := f.searchLimits.Load()
	q := directory.Query{
		Base: []byte(f.tree.Base()), Scope: ldapwire.ScopeWholeSubtree, Filter: &filter,
		Limit: min(mostLookedUp, limits.Entries), Deadline: f.now().Add(limits.Time),
		Canceled: func() bool { return ctx.Err() != nil },
		Reader:   who, Everyone: who == nil,
	}
	result, err := f.tree.Search(ctx, &q, func(add directory.Entry) error {
		var m ldapwire.Message
		if err := m.Decode(add(nil, 1), nil); err != nil {
			return err
		}
		found := Found{DN: string(m.Entry.DN), Values: make(map[string][]string)}
		if seen[found.DN] {
			return nil
		}
		seen[found.DN] = true
		for _, a := range m.Entry.Attributes {
			for _, v := range a.Values {
				found.Values[string(a.Type)] = append(found.Values[string(a.Type)], string(v))
			}
		}
		step.Found = append(step.Found, found)
		return nil
	})
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case result.Code == ldapwire.TimeLimitExceeded:
		return fmt.Errorf("the search took longer than %v", limits.Time.Round(time.Millisecond))
	}
	step.More = result.Code == ldapwire.SizeLimitExceeded
	return nil
}
